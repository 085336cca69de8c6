/**
 * Lets go of rows that this node owns no more: each is given to all who own it now, and dropped here when the disks of all of them have it. The trees tell where
 * such rows are left, so that nothing has to be remembered; they are asked when other lists are in force, and when such a row appears.
 */
import { digestOf, rowObject } from '../kernel/index.js'
import type { Clock } from '../ports/clock.js'
import type { Log } from '../ports/log.js'
import type { Trees } from '../protocol/entropy/trees.js'
import type { Membership } from '../protocol/membership/membership.js'
import { type PassedOn, PassOnMachine } from '../protocol/transfer/pass-on.js'
import type { Conversations } from './conversations.js'
import type { StorageGuard } from './guard/index.js'
import type { Outflow } from './outflow.js'
import type { Replica } from './replica.js'

const ROOT_BYTES = 16
/** Rows under way at a time. */
const PAGE_ROWS = 64
const PAGE_BYTES = 1024 * 1024
const ROW_MS = 10_000
const AGAIN_MS = 1_000

export interface SweepParts {
  readonly clock: Clock
  readonly log: Log
  readonly guard: StorageGuard
  readonly membership: Membership
  readonly conversations: Conversations
  readonly replica: Replica
  readonly trees: Trees
  readonly outflow: Outflow
}

export class Sweep {
  dropped = 0
  readonly #parts: SweepParts
  /** There may be such rows. */
  #isWanted = true
  #lookMs = 0
  /** Rows of the page at hand that are on their way, or being dropped. */
  #open = 0
  #scanning = false
  #failed = false
  #ticket = 0
  /** Of drops under way. */
  readonly #tickets = new Set<number>()

  constructor(parts: SweepParts) {
    this.#parts = parts
    parts.replica.onAppeared = (rowKey) => this.#appeared(rowKey)
  }

  /** No row is here that others own. */
  get isClean(): boolean {
    return !this.#isWanted
  }

  get isBusy(): boolean {
    return this.#isWanted
  }

  /** Other lists are in force. */
  look(): void {
    this.#isWanted = true
    this.#lookMs = 0
  }

  /**
   * A row is on the disk that the trees did not show. One that was being written when its partition moved away, or that had gone bad before and was fetched only
   * afterwards, comes later than the look that followed upon the move: without another one it stayed here, and no tombstone of its key went.
   */
  #appeared(rowKey: Uint8Array): void {
    const { ring, self } = this.#parts.membership
    if (!ring.holdersOf(rowKey).includes(self)) this.#isWanted = true
  }

  /** Call often; `take` asks whether a page may be worked on now. */
  tick(take: () => boolean): void {
    const { clock, guard } = this.#parts
    if (!this.#isWanted || this.#scanning || this.#open > 0 || guard.state !== 'open') return
    const nowMs = clock.monotonicMs()
    if (nowMs < this.#lookMs) return
    const partition = this.#leftover()
    if (partition === undefined || !take()) return
    this.#scan(partition)
  }

  /** What became of a row that was to go; the ticket is one of a drop of this sweep. */
  settled(ticket: number, gone: boolean): boolean {
    if (!this.#tickets.delete(ticket)) return false
    if (gone) this.dropped++
    else this.#failed = true
    this.#closeRow()
    return true
  }

  /** The first partition with rows that are not to be here. Where a tree is not ready, nobody knows yet. */
  #leftover(): number | undefined {
    const { membership, trees } = this.#parts
    const { ring, self } = membership
    const others: number[] = []
    for (let p = 0; p < ring.partitions; p++) if (!ring.holders[p]!.includes(self)) others.push(p)
    const roots = trees.roots(others)
    const hasRows = (_: number, index: number) =>
      roots.subarray(index * ROOT_BYTES, (index + 1) * ROOT_BYTES).some((byte) => byte !== 0)
    const found = others.find((partition, index) => trees.isReady(partition) && hasRows(partition, index))
    if (found === undefined && others.every((partition) => trees.isReady(partition))) this.#isWanted = false
    if (found === undefined) this.#lookMs = this.#parts.clock.monotonicMs() + AGAIN_MS
    return found
  }

  #scan(partition: number): void {
    const { guard, membership, outflow } = this.#parts
    const { from, to } = membership.ring.rangeOf(partition)
    this.#scanning = true
    this.#failed = false
    const maxBytes = Math.min(PAGE_BYTES, Math.ceil(outflow.pieceBytes))
    const range = { from, maxRows: PAGE_ROWS, maxBytes, ...(to === undefined ? {} : { to }) }
    guard.scan(range, ({ rows, failed }) => {
      this.#scanning = false
      this.#open = 1
      this.#failed = failed
      for (const { rowKey, row } of rows) {
        if (row === 'unreadable') this.#failed = true
        else {
          this.#open++
          this.#passOn(rowKey, rowObject(row))
        }
      }
      this.#closeRow()
    })
  }

  #passOn(rowKey: Uint8Array, object: Uint8Array): void {
    const { conversations, membership, clock, replica, outflow } = this.#parts
    const nowMs = clock.monotonicMs()
    const { ring, self } = membership
    const row = { rowKey: Buffer.from(rowKey), object: Buffer.from(object) }
    const id = conversations.nextId()
    const machine = new PassOnMachine(id, self, row, ring.placementOf(rowKey), nowMs + ROW_MS)
    outflow.swept(row, ring.holdersOf(rowKey).length)
    conversations.begin(machine, nowMs, (outcome) => {
      if ((outcome as PassedOn) !== 'held') {
        this.#failed = true
        this.#closeRow()
        return
      }
      this.#ticket--
      this.#tickets.add(this.#ticket)
      const digest = digestOf(row.object)
      replica.submit(row.rowKey, { kind: 'drop', digest, ticket: this.#ticket, isElsewhere: true })
    })
  }

  /** The page is done when all its rows are; what did not go is tried again, after a while. */
  #closeRow(): void {
    this.#open--
    if (this.#open === 0 && this.#failed) this.#lookMs = this.#parts.clock.monotonicMs() + AGAIN_MS
  }
}
