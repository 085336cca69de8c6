/**
 * A membership state in short: its entries (changes, facts, buckets) lie in slots, and a slot's sum is the exclusive or of the digests of all that lies in it. Two
 * states whose sums of a slot are equal have the same in it. (64 bits: no two entries that a cluster ever has are alike by chance.)
 */
import { limits } from '../../limits.js'
import { ByteWriter, WireError } from '../../wire/bytes.js'
import type { Digest64 } from '../../wire/messages.js'
import { type BucketRegister, encodeBuckets } from './buckets.js'
import { encodeChange } from './change-codec.js'
import { encodeMoves } from './moves-codec.js'
import type { Change, ClusterState, MemberFacts } from './state.js'
import { encodeFacts } from './state-codec.js'
import { digest64 } from './table.js'

export type Entry = Change | MemberFacts | BucketRegister

const SLOTS = limits.gossipSlots
/** Slots of changes, slots of facts and buckets, and one sum for what is recorded of moves. */
export const SUMMARY_BYTES = (2 * SLOTS + 1) * 8
const NOTHING: Digest64 = { high: 0, low: 0 }

/** As it was told: two words for each slot, the moves last. */
export interface Summary {
  readonly words: Uint32Array
  readonly moves: Digest64
}

export class Sums implements Summary {
  readonly words = new Uint32Array(4 * SLOTS)
  readonly moves: Digest64
  readonly #slots = new Map<Entry, number>()

  constructor(state: ClusterState) {
    for (const one of state.changes)
      this.#add(
        one,
        0,
        bytesOf((writer) => encodeChange(writer, one, true)),
      )
    for (const one of state.facts)
      this.#add(
        one,
        SLOTS,
        bytesOf((writer) => encodeFacts(writer, one, true)),
      )
    for (const one of state.buckets)
      this.#add(
        one,
        SLOTS,
        bytesOf((writer) => encodeBuckets(writer, [one])),
      )
    const { moves } = state
    this.moves = moves === undefined ? NOTHING : digest64(bytesOf((writer) => encodeMoves(writer, moves)))
  }

  /** Whether the other may lack this entry: one of this state, whose slot is another one there. */
  mayLack(other: Summary, one: Entry): boolean {
    const slot = this.#slots.get(one)
    return slot !== undefined && [2 * slot, 2 * slot + 1].some((at) => this.words[at] !== other.words[at])
  }

  #add(one: Entry, from: number, bytes: Uint8Array): void {
    const digest = digest64(bytes)
    const slot = from + (digest.low % SLOTS)
    this.#slots.set(one, slot)
    this.words[2 * slot]! ^= digest.high
    this.words[2 * slot + 1]! ^= digest.low
  }
}

function bytesOf(write: (writer: ByteWriter) => void): Uint8Array {
  const writer = new ByteWriter(256)
  write(writer)
  return writer.take()
}

const SUMS = new WeakMap<ClusterState, Sums>()

/** Computed once for each state, and only where gossip has met another one. */
export function sumsOf(state: ClusterState): Sums {
  const known = SUMS.get(state)
  if (known !== undefined) return known
  const sums = new Sums(state)
  SUMS.set(state, sums)
  return sums
}

export function encodeSummary({ words, moves }: Summary): Uint8Array {
  const bytes = new DataView(new ArrayBuffer(SUMMARY_BYTES))
  for (const [at, word] of [...words, moves.high, moves.low].entries()) bytes.setUint32(4 * at, word, true)
  return new Uint8Array(bytes.buffer)
}

/** Throws WireError for another length. */
export function decodeSummary(bytes: Uint8Array): Summary {
  if (bytes.length !== SUMMARY_BYTES) throw new WireError('a summary of another length')
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length)
  const all = Uint32Array.from({ length: SUMMARY_BYTES / 4 }, (_, at) => view.getUint32(4 * at, true))
  return { words: all.subarray(0, 4 * SLOTS), moves: { high: all[4 * SLOTS]!, low: all[4 * SLOTS + 1]! } }
}
