/**
 * Puts without a context, by all connections, on a few keys at a time: each leaves one more sibling. A key that has had its
 * share is left for a fresh one, so that no key comes near the cap; the cost is that of a key with half of the share on average.
 */
import { described } from './keyed-workload.js'
import { writePut } from './requests.js'
import type { Answer } from './response.js'
import type { Values } from './values.js'
import type { Turn, Workload } from './workload.js'

export const BLIND_BUCKET = 'blind'

export interface BlindOptions {
  readonly values: Values
  /** Keys in use at a time. */
  readonly keysAtATime: number
  /** Puts on one key before it is left, below the cap of siblings. */
  readonly siblings: number
}

export class BlindWorkload implements Workload {
  readonly #options: BlindOptions
  readonly #inUse: { key: number; puts: number }[]
  #nextKey: number
  readonly #done: number[] = []

  /** `firstKey`: rounds on one cluster must not share keys. */
  constructor(options: BlindOptions, firstKey: number) {
    this.#options = options
    this.#inUse = Array.from({ length: options.keysAtATime }, (_, i) => ({ key: firstKey + i, puts: 0 }))
    this.#nextKey = firstKey + options.keysAtATime
  }

  next(turn: Turn): number {
    const { values, siblings } = this.#options
    const place = turn.random.below(this.#inUse.length)
    const { key } = this.#inUse[place]!
    const puts = ++this.#inUse[place]!.puts
    if (puts === siblings) {
      this.#done.push(key)
      this.#inUse[place] = { key: this.#nextKey++, puts: 0 }
    }
    turn.key = key
    turn.version = puts
    turn.writing = true
    return writePut(turn.out, turn.host, { bucket: BLIND_BUCKET, key, version: puts, context: '' }, values)
  }

  check(_turn: Turn, answer: Answer): string | undefined {
    return answer.status === 204 ? undefined : `blind put: ${described(answer)}`
  }

  /** Keys that have had all of their puts: each must show exactly `siblings` versions. */
  get finishedKeys(): readonly number[] {
    return this.#done
  }

  /** The first key that this workload never touched. */
  get nextKey(): number {
    return this.#nextKey
  }
}
