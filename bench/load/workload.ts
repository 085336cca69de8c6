import type { Answer } from './response.js'
import type { XorShift } from './xorshift.js'

/** What one connection is doing: the request under way. */
export interface Turn {
  readonly host: string
  readonly random: XorShift
  readonly out: Buffer
  key: number
  version: number
  writing: boolean
}

/** A stream of requests and the judgement of their answers. */
export interface Workload {
  /** Writes the next request into `turn.out`; gives its length, 0 when there is nothing more to do. */
  next(turn: Turn): number
  /** What is wrong with the answer, in words; undefined when nothing is. */
  check(turn: Turn, answer: Answer): string | undefined
}
