/** From a node's answer that is no success to the line that a person reads. */
import type { ErrorCode } from '../errors.js'
import { type Answer, Fault } from './ask.js'
import { UsageError } from './usage-error.js'

interface ErrorBody {
  readonly code: string
  readonly message: string
  readonly [number: string]: unknown
}

/** What a person can do next, where the node's own sentence does not say it. */
const NEXT: Partial<Record<ErrorCode, string>> = {
  QUORUM_UNMET: 'see which nodes are up with "rotunda status"',
  NOT_READY: 'see how it is with "rotunda status"; it may still be starting or joining',
  OVERLOADED: 'try again in a moment',
  BAD_CONTEXT: 'read the key again and use the context of that answer',
  TOO_MANY_SIBLINGS: 'see them with "rotunda get --versions"',
  TIMEOUT: 'read the key to see, or allow more with --timeout',
}

/** The error to throw for an answer outside of what the command expects. */
export function refusal(answer: Answer, url: URL): Error {
  const error = errorBody(answer)
  if (error === undefined) {
    return new Fault(
      `${url.origin} does not answer like a node of Rotunda (HTTP ${answer.status}): check --url`,
    )
  }
  if (error.code === 'NOT_FOUND')
    return new Fault(`nothing of Rotunda's is at ${url.href}: check --url, which ends where /v1 begins`)
  const numbers = Object.entries(error).filter(([, value]) => typeof value === 'number')
  const facts =
    numbers.length === 0 ? '' : ` (${numbers.map(([name, value]) => `${name} ${value}`).join(', ')})`
  const next = NEXT[error.code as ErrorCode]
  const line = `${error.code}: ${error.message}${facts}${next === undefined ? '' : `; ${next}`}`
  return answer.status === 400 ? new UsageError(line) : new Fault(line)
}

function errorBody({ headers, body }: Answer): ErrorBody | undefined {
  if (!headers['content-type']?.startsWith('application/json')) return undefined
  const error = (parse(body) as { error?: Partial<ErrorBody> } | undefined)?.error
  return typeof error?.code === 'string' && typeof error.message === 'string'
    ? (error as ErrorBody)
    : undefined
}

function parse(body: Buffer): unknown {
  try {
    return JSON.parse(body.toString()) ?? undefined
  } catch {
    return undefined
  }
}

/** The JSON object of a successful answer, which has at least these members. */
/** What was asked for, or for a key of which only deletions are left, those. */
const SHOWING = [200, 300, 404]

export function json<T extends object>(answer: Answer, url: URL, members: readonly (keyof T)[]): T {
  const content = SHOWING.includes(answer.status) ? parse(answer.body) : undefined
  const fits = typeof content === 'object' && content !== null && members.every((name) => name in content)
  if (!fits) throw refusal(answer, url)
  return content as T
}
