/**
 * What a member watches over for rounds of reaping: the keys it was asked about, from the asking on. Whatever touches one of them spoils it for that
 * round: a write, a merge, a hint, a conversation that begins. For keys that it was told to let go, the state that all had agreed upon is
 * remembered for a while: a replica that has no row any more need not take it back from one that still has.
 */
import { digestOf } from '../../kernel/index.js'
import type { ReapKey } from '../../wire/messages.js'
import { allKeys, bothKeys, type KeySet, keysIn, removeKey } from './key-set.js'

/** A round that has not come to its end by then never will. */
const ROUND_MS = 60_000
/** As long as an owner may take to let go of what another has let go of. Beyond it the tombstone comes back, and goes in a later round. */
const REAPED_MS = 30_000
/** States remembered; beyond it the oldest go. */
const REAPED_KEYS = 16_384

interface Round {
  readonly id: number
  readonly state: Uint8Array
  readonly keys: readonly ReapKey[]
  readonly untilMs: number
  clean: KeySet
}

interface Reaped {
  readonly digest: Uint8Array
  readonly untilMs: number
}

export class ReapMarks {
  /** By the node that conducts it: one round for each. */
  readonly #rounds = new Map<string, Round>()
  /** Which rounds, and which of their keys, a key stands for. */
  readonly #watched = new Map<string, { readonly round: Round; readonly index: number }[]>()
  readonly #reaped = new Map<string, Reaped>()

  /** Watches these keys from now on, in place of those of the round before. */
  begin(conductor: string, id: number, state: Uint8Array, keys: readonly ReapKey[], nowMs: number): void {
    this.end(conductor)
    const round = { id, state, keys, untilMs: nowMs + ROUND_MS, clean: allKeys(keys.length) }
    this.#rounds.set(conductor, round)
    keys.forEach(({ rowKey }, index) => {
      const name = nameOf(rowKey)
      const watchers = this.#watched.get(name) ?? []
      watchers.push({ round, index })
      this.#watched.set(name, watchers)
    })
  }

  /** A key that is not as it should be, or has been touched. Cheap where nothing is watched. */
  touched(rowKey: Uint8Array): void {
    if (this.#watched.size === 0) return
    for (const { round, index } of this.#watched.get(nameOf(rowKey)) ?? []) removeKey(round.clean, index)
  }

  /** Its keys that nothing has touched, with the membership that they were agreed under; undefined where this round is not known. */
  cleanOf(
    conductor: string,
    id: number,
    asked?: KeySet,
  ): { readonly clean: KeySet; readonly state: Uint8Array; readonly keys: readonly ReapKey[] } | undefined {
    const round = this.#roundOf(conductor, id)
    if (round === undefined) return undefined
    if (asked !== undefined) round.clean = bothKeys(round.clean, asked)
    return { clean: round.clean, state: round.state, keys: round.keys }
  }

  /** It is certain: gives the keys to let go of, by their numbers; their states need not be taken back from now on. */
  reap(
    conductor: string,
    id: number,
    asked: KeySet,
    nowMs: number,
  ): readonly { readonly index: number; readonly key: ReapKey }[] | undefined {
    const round = this.#roundOf(conductor, id)
    if (round === undefined) return undefined
    return keysIn(asked, round.keys.length).map((index) => {
      const key = round.keys[index]!
      const name = nameOf(key.rowKey)
      this.#reaped.delete(name)
      this.#reaped.set(name, { digest: key.digest, untilMs: nowMs + REAPED_MS })
      if (this.#reaped.size > REAPED_KEYS) this.#reaped.delete(this.#reaped.keys().next().value!)
      return { index, key }
    })
  }

  /** This very state of the key has been let go of by agreement of all. */
  isReaped(rowKey: Uint8Array, object: Uint8Array): boolean {
    if (this.#reaped.size === 0) return false
    const reaped = this.#reaped.get(nameOf(rowKey))
    if (reaped === undefined) return false
    return Buffer.compare(digestOf(object), reaped.digest) === 0
  }

  end(conductor: string): void {
    const round = this.#rounds.get(conductor)
    if (round === undefined) return
    this.#rounds.delete(conductor)
    for (const { rowKey } of round.keys) {
      const name = nameOf(rowKey)
      const watchers = this.#watched.get(name)?.filter((watcher) => watcher.round !== round) ?? []
      if (watchers.length === 0) this.#watched.delete(name)
      else this.#watched.set(name, watchers)
    }
  }

  tick(nowMs: number): void {
    for (const [conductor, { untilMs }] of this.#rounds) if (untilMs <= nowMs) this.end(conductor)
    for (const [name, { untilMs }] of this.#reaped) {
      if (untilMs > nowMs) break
      this.#reaped.delete(name)
    }
  }

  #roundOf(conductor: string, id: number): Round | undefined {
    const round = this.#rounds.get(conductor)
    return round?.id === id ? round : undefined
  }
}

function nameOf(rowKey: Uint8Array): string {
  return Buffer.from(rowKey.buffer, rowKey.byteOffset, rowKey.length).toString('latin1')
}
