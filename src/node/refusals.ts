/** The failures with which a node answers before a conversation begins, as values. */
import type { Failure } from './requests.js'

export const OVERLOADED: Failure = { status: 'error', code: 'OVERLOADED' }

/** These are decided before anything is minted. */
const NOT_BEGUN: readonly string[] = [
  'OVERLOADED',
  'NOT_READY',
  'BAD_CONTEXT',
  'BAD_PARAM',
  'TOO_MANY_SIBLINGS',
]

export function isBegun(failure: Failure): boolean {
  return !NOT_BEGUN.includes(failure.code)
}

export function outOfRange(name: string, n: number): Failure {
  return {
    status: 'error',
    code: 'BAD_PARAM',
    message: `${name} must be 1 to ${n}, or one, quorum or all${name === 'w' ? '; nothing was written' : ''}.`,
    numbers: { n },
  }
}

export function unreachable(needed: number, got: number, n: number): Failure {
  const message = `A write needs ${needed} of ${n} nodes, and ${got} can be reached; nothing was written.`
  return { status: 'error', code: 'QUORUM_UNMET', message, numbers: { needed, got, n } }
}
