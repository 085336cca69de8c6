/**
 * A8: a hint goes only when its target holds durably what was kept for it. Judged at the very batch that removes the hint, from the
 * disks alone; and in the end no hint is left.
 */
import { fallbackKey, hintOf, readFallback } from '../fallback-reader.js'
import type { ReadObject } from '../object-reader.js'
import { type RowBook, rowNameOf } from './row-book.js'
import type { Violations } from './violation.js'

/** A disk that lost something so shortly before may have held it. */
const FORGIVEN_MS = 30_000

export interface HintDisk {
  readonly name: string
  /** Hex; undefined while no node runs there that knows its id. */
  readonly nodeId: string | undefined
  readonly lostSomethingAtMs: number
  /** What survives in the durability mode in force. */
  durable(engineKey: string): Uint8Array | undefined
}

export interface HintChange {
  readonly key: string
  readonly value: Uint8Array | undefined
}

export class HintCheck {
  readonly #book: RowBook
  readonly #violations: Violations
  readonly #disks: () => readonly HintDisk[]
  readonly #nowMs: () => number
  /** Ids outlive the processes that told them. */
  readonly #names = new Map<string, string>()

  readonly #n: number

  /** `n`: copies of each key. */
  constructor(
    book: RowBook,
    violations: Violations,
    disks: () => readonly HintDisk[],
    n: number,
    nowMs: () => number,
  ) {
    this.#n = n
    this.#book = book
    this.#violations = violations
    this.#disks = disks
    this.#nowMs = nowMs
  }

  /** A batch became visible on the disk of `holder`. */
  written(holder: string, changes: readonly HintChange[], before: readonly (Uint8Array | undefined)[]): void {
    changes.forEach(({ key, value }, index) => {
      const hint = value === undefined && before[index] !== undefined ? hintOf(key) : undefined
      if (hint === undefined) return
      const record = changes.findIndex((change) => change.key === fallbackKey(hint.rowKey))
      const kept = this.#kept(holder, hint.target, before[record])
      if (kept !== undefined) this.#mustBeThere(holder, hint, kept)
    })
  }

  /** Where the record has gone bad and was begun anew for others, there is nothing left for this target. */
  #kept(holder: string, target: string, record: Uint8Array | undefined): ReadObject | undefined {
    if (record === undefined) return undefined
    const { row, targets } = readFallback(record)
    if (row.length === 0 || (this.#hasLost(holder) && !targets.includes(target))) return undefined
    return this.#book.parse(row).object
  }

  #hasLost(holder: string): boolean {
    const disk = this.#disks().find(({ name }) => name === holder)
    return disk !== undefined && disk.lostSomethingAtMs > Number.NEGATIVE_INFINITY
  }

  #holds(disk: HintDisk, rowKey: string, kept: ReadObject): boolean {
    const row = disk.durable(`d${rowKey}`)
    return row !== undefined && this.#book.parse(row).object.clock.covers(kept.clock)
  }

  #mustBeThere(
    holder: string,
    { target, rowKey }: { readonly target: string; readonly rowKey: string },
    kept: ReadObject,
  ): void {
    const disks = this.#disks()
    for (const { nodeId, name } of disks)
      if (nodeId !== undefined && nodeId !== '') this.#names.set(nodeId, name)
    const disk = disks.find(({ name }) => name === this.#names.get(target))
    if (disk === undefined || this.#nowMs() - disk.lostSomethingAtMs < FORGIVEN_MS) return
    const holders = disks.filter((one) => this.#holds(one, rowKey, kept))
    // A target that owns the key no more need not have it: then all who own it do.
    if (holders.includes(disk) || holders.length >= this.#n) return
    // Everybody may have let go of it since.
    const key = rowNameOf(`d${rowKey}`)?.key
    if (key !== undefined && this.#book.allWasReaped(key, kept.clock)) return
    this.#violations.add(
      'A8',
      `${holder} gave up its hint for ${disk.name}, which does not hold durably what was kept for it`,
    )
  }
}
