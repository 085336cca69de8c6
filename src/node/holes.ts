/**
 * Rows of moving partitions that this node cannot read, and that nobody else has: they would hold the move up until their keys are written.
 *
 *     a partition moves, and its tree has a hole here
 *       its rows are scanned, a page at a time; of each that cannot be read everybody who holds the key, or is about to, is asked
 *         somebody has it            ──▶ it is written anew here; the tree is built again, without this row in the hole
 *         somebody cannot be asked   ──▶ the move waits, for that one may have it
 *         all say that they have none ─▶ nobody loses by the move what is not lost: the hole is closed, with a word in the log
 *
 * The row itself stays where it is. Should it become readable again, it is passed on when rows of others are looked for next (sweep.ts).
 */
import type { Clock } from '../ports/clock.js'
import type { Log } from '../ports/log.js'
import type { Trees } from '../protocol/entropy/trees.js'
import type { Membership } from '../protocol/membership/membership.js'
import { type Recovered, RecoverRowMachine } from '../protocol/replica/recover-row.js'
import type { Conversations } from './conversations.js'
import type { ScanPage, StorageGuard } from './guard/index.js'

const PAGE_ROWS = 64
const PAGE_BYTES = 1024 * 1024
const ROW_MS = 5_000
/** After an answer that says nothing for certain; and between two partitions. */
const AGAIN_MS = 5_000

export interface HolesParts {
  readonly clock: Pick<Clock, 'monotonicMs'>
  readonly log: Pick<Log, 'warn'>
  readonly guard: Pick<StorageGuard, 'state' | 'scan'>
  readonly membership: Pick<Membership, 'ring' | 'self'>
  readonly conversations: Pick<Conversations, 'nextId' | 'begin'>
  readonly trees: Pick<Trees, 'shape' | 'isReady' | 'holeOf' | 'closeHole'>
}

interface Inquiry {
  readonly partition: number
  readonly hole: number
  /** Where the partition ends; undefined: at the last row. */
  readonly to: Uint8Array | undefined
  /** Rows that cannot be read, and that nobody has. */
  nowhere: number
}

export class Holes {
  /** Rows that could not be read, and that nobody else had, when their partitions moved. */
  leftBehind = 0
  readonly #parts: HolesParts
  #isBusy = false
  #againMs = 0
  #after = -1

  constructor(parts: HolesParts) {
    this.#parts = parts
  }

  /** Call often; `take` asks whether a page may be worked on now. */
  tick(nowMs: number, take: () => boolean): void {
    const { membership, guard } = this.#parts
    if (this.#isBusy || nowMs < this.#againMs || membership.ring.moving.size === 0) return
    if (guard.state !== 'open') return
    const partition = this.#next()
    if (partition === undefined || !take()) return
    const { from, to } = membership.ring.rangeOf(partition)
    this.#isBusy = true
    this.#after = partition
    this.#scan({ partition, hole: this.#parts.trees.holeOf(partition)!, to, nowhere: 0 }, from)
  }

  /** One after the other, so that none waits because another has to. */
  #next(): number | undefined {
    const { membership, trees } = this.#parts
    const { ring, self } = membership
    if (ring.partitions !== trees.shape.partitions) return undefined
    const open = [...ring.moving.keys()].filter(
      (one) => trees.isReady(one) && trees.holeOf(one) !== undefined && ring.holders[one]!.includes(self),
    )
    return open.find((one) => one > this.#after) ?? open[0]
  }

  #scan(inquiry: Inquiry, from: Uint8Array): void {
    const { to } = inquiry
    const range = { from, maxRows: PAGE_ROWS, maxBytes: PAGE_BYTES, ...(to === undefined ? {} : { to }) }
    this.#parts.guard.scan(range, (page) => {
      const unreadable = page.rows.filter(({ row }) => row === 'unreadable')
      // Damage that no row of the page shows may hide any row.
      if (page.failed || (page.damaged && unreadable.length === 0)) this.#end()
      else this.#ask(inquiry, unreadable, (isCertain) => this.#answered(inquiry, page, isCertain))
    })
  }

  /** Of all these rows; `done` with whether nobody has any of them, for certain. */
  #ask(inquiry: Inquiry, rows: ScanPage['rows'], done: (isCertain: boolean) => void): void {
    const { clock, conversations, membership } = this.#parts
    const nowMs = clock.monotonicMs()
    let left = rows.length
    let isCertain = true
    if (left === 0) return done(true)
    for (const { rowKey } of rows) {
      const key = Buffer.from(rowKey)
      const placement = membership.ring.placementOf(key)
      const [id, untilMs] = [conversations.nextId(), nowMs + ROW_MS]
      const machine = new RecoverRowMachine(id, membership.self, key, placement, untilMs, 'everybody')
      conversations.begin(machine, nowMs, (outcome) => {
        if ((outcome as Recovered) === 'nowhere') inquiry.nowhere++
        else isCertain = false
        if (--left === 0) done(isCertain)
      })
    }
  }

  #answered(inquiry: Inquiry, { next }: ScanPage, isCertain: boolean): void {
    if (!isCertain) this.#end()
    else if (next !== undefined) this.#scan(inquiry, next)
    else this.#close(inquiry)
  }

  #close({ partition, hole, nowhere }: Inquiry): void {
    const { trees, membership, log } = this.#parts
    this.#end()
    // The numbers of partitions may mean others by now, and another scan may have found other rows.
    if (membership.ring.partitions !== trees.shape.partitions || trees.holeOf(partition) !== hole) return
    trees.closeHole(partition, hole)
    this.leftBehind += nowhere
    if (nowhere > 0) log.warn('rows-left-behind', { partition, rows: nowhere })
  }

  #end(): void {
    this.#isBusy = false
    this.#againMs = this.#parts.clock.monotonicMs() + AGAIN_MS
  }
}
