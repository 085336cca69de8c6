/**
 * What a member remembers of the rounds of reaping that it has vouched in: for each range of hashes the number of the last one in which a key of it was vouched for.
 * A backup is taken, keys are deleted, their tombstones go: nobody knows any more that the values of the backup were deleted. This tells at least that it may be so.
 *
 *     rounds   1     2     3     4           a backup notes "member m has vouched in 2 rounds"
 *     range a  ×           ×                 since then a key of a may have gone, and a value of it may be back with the backup
 *     range b        ×                       nothing of b has gone since, whoever was asked
 *
 * What a backup notes has been written down before: were a number to be given twice because a crash took the first, the second round would pass for one that the
 * backup knew of. And each start of the node is written down, so that one without it (of an earlier build, that vouched and wrote nothing) leaves a gap that shows.
 *
 * One member's word is enough: nobody lets go of anything before every member has vouched, twice, and each writes this down before it says so the second time. So
 * it must have been a member all the while, under one name: a history has a name of its own, made with it, and another one once rows were lost.
 */
import { ByteReader, ByteWriter, WireError } from '../../wire/bytes.js'

const VERSION = 1
const FROM_FOUNDATION = 1
const NAME_BYTES = 8
/** Ranges are the first twelve bits of the hash: with a few hundred keys deleted a day most of them stay untouched for weeks. */
const RANGES = 4096
const ENTRY_BYTES = 10

/** How far a member's history had come. */
export interface HistoryMark {
  /** 16 hex digits. */
  readonly history: string
  readonly rounds: number
}

export class ReapHistory {
  /** 16 hex digits, never used for another one. */
  readonly name: string
  /** It has vouched, or would have had to, in all rounds since the cluster was founded. */
  readonly fromFoundation: boolean
  /** The start of the node that it belongs to. */
  readonly boot: number
  readonly #last = new Float64Array(RANGES)
  #rounds = 0
  #written = 0

  constructor(name: string, fromFoundation: boolean, boot: number) {
    this.name = name
    this.fromFoundation = fromFoundation
    this.boot = boot
  }

  /** Rounds in which this member has vouched for at least one key, the second time, as far as its disk knows of them. */
  get rounds(): number {
    return this.#written
  }

  /** It is about to vouch for these. */
  vouching(rowKeys: Iterable<Uint8Array>): void {
    this.#rounds++
    for (const rowKey of rowKeys) this.#last[rangeOf(rowKey)] = this.#rounds
  }

  /** The number of rounds after which a key may have gone without its being in a backup with this mark; undefined: all that happened may be later. */
  since(mark: HistoryMark | undefined): number | undefined {
    if (mark?.history === this.name) return mark.rounds
    return this.fromFoundation ? 0 : undefined
  }

  /** May this key have been let go of in a round after so many? */
  hasGone(rowKey: Uint8Array, since: number | undefined): boolean {
    return since === undefined || this.#last[rangeOf(rowKey)]! > since
  }

  /** Bytes to be written; `written` is to be called when the disk has them. */
  record(): { readonly bytes: Uint8Array; readonly written: () => void } {
    const rounds = this.#rounds
    const written = () => {
      this.#written = Math.max(this.#written, rounds)
    }
    return { bytes: this.#encode(), written }
  }

  #encode(): Uint8Array {
    const writer = new ByteWriter(512)
    writer.u8(VERSION)
    writer.u8(this.fromFoundation ? FROM_FOUNDATION : 0)
    writer.raw(Buffer.from(this.name, 'hex'))
    writer.u53(this.boot)
    writer.u53(this.#rounds)
    this.#last.forEach((round, range) => {
      if (round === 0) return
      writer.u16(range)
      writer.u53(round)
    })
    return writer.take()
  }

  /** As of this start; undefined where the one before did not keep it. Total: throws WireError. */
  static resume(bytes: Uint8Array, boot: number): ReapHistory | undefined {
    const reader = new ByteReader(bytes)
    if (reader.u8() !== VERSION) throw new WireError('the version of a history of reaping is unknown')
    const flags = reader.u8()
    const found = new ReapHistory(
      reader.raw(NAME_BYTES).toString('hex'),
      (flags & FROM_FOUNDATION) !== 0,
      boot,
    )
    if (reader.u53() !== boot - 1) return undefined
    found.#rounds = reader.u53()
    found.#written = found.#rounds
    while (reader.left >= ENTRY_BYTES) {
      const range = reader.u16()
      if (range >= RANGES) throw new WireError('a history of reaping names a range that there is not')
      found.#last[range] = reader.u53()
    }
    reader.end()
    return found
  }
}

function rangeOf(rowKey: Uint8Array): number {
  return (rowKey[0]! << 4) | (rowKey[1]! >>> 4)
}
