/**
 * Puts and gets over one set of keys: each put carries the context last received for its key. With R + W > N a get must show
 * the version last acknowledged, whichever node it asks, so every value is compared (the floor keeps no versions: any of the key's will do there).
 */
import type { KeySet } from './key-set.js'
import { writeGet, writePut } from './requests.js'
import type { Answer } from './response.js'
import type { Values } from './values.js'
import type { Turn, Workload } from './workload.js'

const BUCKET = 'bench'

export interface KeyedOptions {
  readonly keys: KeySet
  readonly values: Values
  /** 0 = only puts … 1 = only gets. */
  readonly shareOfGets: number
  readonly exactVersions: boolean
}

export class KeyedWorkload implements Workload {
  readonly #options: KeyedOptions

  constructor(options: KeyedOptions) {
    this.#options = options
  }

  next(turn: Turn): number {
    const { keys, shareOfGets } = this.#options
    turn.key = keys.take(turn.random)
    const wantsGet = shareOfGets === 1 || turn.random.below(1000) < shareOfGets * 1000
    turn.writing = !wantsGet && keys.knowledge[turn.key] !== 'unsure'
    return turn.writing
      ? writeNextVersion(turn, this.#options)
      : writeGet(turn.out, turn.host, BUCKET, turn.key)
  }

  check(turn: Turn, answer: Answer): string | undefined {
    const { keys } = this.#options
    const wrong = turn.writing ? learnFromPut(turn, answer, keys) : this.#learnFromGet(turn, answer)
    keys.giveBack(turn.key)
    return wrong
  }

  #learnFromGet(turn: Turn, answer: Answer): string | undefined {
    const { keys, values, exactVersions } = this.#options
    const { key } = turn
    if (answer.status !== 200 && answer.status !== 300) return `get: ${described(answer)}`
    keys.contexts[key] = answer.context
    if (keys.knowledge[key] !== 'sure') {
      keys.knowledge[key] = 'unread'
      return undefined
    }
    if (answer.status === 300) return `get of key ${key}: siblings where every put had its context`
    const version = values.versionOf(key, answer.body)
    if (version === undefined) return `get of key ${key}: not the bytes of any of its versions`
    if (!exactVersions || version === keys.versions[key]) return undefined
    return `get of key ${key}: version ${version} after ${keys.versions[key]} was acknowledged`
  }
}

/** Puts each key once and ends. */
export class FillWorkload implements Workload {
  readonly #keys: KeySet
  readonly #values: Values
  #next = 0

  constructor(keys: KeySet, values: Values) {
    this.#keys = keys
    this.#values = values
  }

  next(turn: Turn): number {
    if (this.#next === this.#keys.size) return 0
    turn.key = this.#next++
    turn.writing = true
    return writeNextVersion(turn, { keys: this.#keys, values: this.#values })
  }

  check(turn: Turn, answer: Answer): string | undefined {
    return learnFromPut(turn, answer, this.#keys)
  }
}

function writeNextVersion(turn: Turn, { keys, values }: Pick<KeyedOptions, 'keys' | 'values'>): number {
  const { key } = turn
  turn.version = ++keys.versions[key]!
  const written = { bucket: BUCKET, key, version: turn.version, context: keys.contexts[key]! }
  return writePut(turn.out, turn.host, written, values)
}

function learnFromPut(turn: Turn, answer: Answer, keys: KeySet): string | undefined {
  if (answer.status === 204) {
    keys.contexts[turn.key] = answer.context
    keys.knowledge[turn.key] = 'sure'
    return undefined
  }
  keys.knowledge[turn.key] = 'unsure'
  return `put: ${described(answer)}`
}

export function described(answer: Answer): string {
  return `${answer.status} ${answer.body.toString('latin1', 0, 200)}`
}
