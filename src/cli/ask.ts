/** One HTTP request to a node, for the commands that ask one; nothing is kept open, nothing is tried twice. */
import type { Agent, IncomingHttpHeaders, IncomingMessage } from 'node:http'
import { limits } from '../limits.js'
import { VERSION } from '../version.js'

/** The command could not be carried out: one line on standard error, exit code 1. */
export class Fault extends Error {
  override name = 'Fault'
}

export interface Question {
  readonly method: 'GET' | 'PUT' | 'POST' | 'DELETE'
  /** Below the URL's own path, with its leading slash. */
  readonly path: string
  readonly query?: Readonly<Record<string, string | undefined>>
  readonly headers?: Readonly<Record<string, string | undefined>>
  readonly body?: Uint8Array
  /** The node's own deadline; some more is allowed for the way. Default: limits.defaultTimeoutMs. */
  readonly timeoutMs?: number | undefined
  /** Keeps connections between questions; without it each has its own. */
  readonly agent?: Agent
}

export interface Answer {
  readonly status: number
  readonly headers: IncomingHttpHeaders
  readonly body: Buffer
}

/** The way there and back, and a node that is slow to notice its own deadline. */
const WAY_MS = 5_000
/** All siblings of a key in base64, twice over. */
const LONGEST_ANSWER_BYTES = 4 * limits.siblingBytes

export async function ask(url: URL, question: Question): Promise<Answer> {
  const { request } = url.protocol === 'https:' ? await import('node:https') : await import('node:http')
  const allowedMs = (question.timeoutMs ?? limits.defaultTimeoutMs) + WAY_MS
  const signal = AbortSignal.timeout(allowedMs)
  try {
    const response = await new Promise<IncomingMessage>((resolve, reject) => {
      const sent = request(address(url, question), {
        method: question.method,
        headers: headers(question),
        agent: question.agent ?? false,
        signal,
        maxHeaderSize: 2 * limits.headBytes,
      })
      sent.once('response', resolve)
      sent.once('error', reject)
      sent.end(question.body)
    })
    return { status: response.statusCode ?? 0, headers: response.headers, body: await wholeBody(response) }
  } catch (error) {
    throw new Fault(
      signal.aborted ? `${url.href} did not answer within ${allowedMs} ms` : unreachable(url, error),
    )
  }
}

function address(url: URL, { path, query = {} }: Question): URL {
  // Assigning to pathname would resolve `..` in keys; those go through /v1/kv64 (see kv-path.ts), so that nothing is swallowed here.
  const full = new URL(`${url.origin}${url.pathname.replace(/\/$/, '')}${path}`)
  for (const [name, value] of Object.entries(query))
    if (value !== undefined) full.searchParams.set(name, value)
  full.username = url.username
  full.password = url.password
  return full
}

function headers({ method, headers: own = {}, body }: Question): Record<string, string> {
  const all: Record<string, string> = { 'User-Agent': `rotunda/${VERSION}` }
  for (const [name, value] of Object.entries(own)) if (value !== undefined) all[name] = value
  if (method === 'PUT' || method === 'POST') all['Content-Length'] = String(body?.length ?? 0)
  return all
}

async function wholeBody(response: IncomingMessage): Promise<Buffer> {
  const parts: Buffer[] = []
  let bytes = 0
  for await (const part of response as AsyncIterable<Buffer>) {
    bytes += part.length
    if (bytes > LONGEST_ANSWER_BYTES)
      throw new Error(`the answer is longer than ${LONGEST_ANSWER_BYTES} bytes`)
    parts.push(part)
  }
  return Buffer.concat(parts)
}

/** What is wrong, and what to do about it, in one line. */
function unreachable(url: URL, error: unknown): string {
  const { code, message } = error as NodeJS.ErrnoException
  switch (code) {
    case 'ECONNREFUSED':
      return `nothing listens at ${url.origin}: start a cluster with "rotunda dev", or name a node with --url or ROTUNDA_URL`
    case 'ENOTFOUND':
    case 'EAI_AGAIN':
      return `the host ${url.hostname} is not known here: check --url or ROTUNDA_URL`
    case 'ECONNRESET':
    case 'EPIPE':
      return `${url.origin} broke off the connection: is it a node of Rotunda, and still up?`
    default:
      return `${url.origin} cannot be asked: ${message || code || 'unknown reason'}`
  }
}
