/**
 * Fills this replica again after a loss: by comparing trees where the end of the log was lost, by whole ranges from the other owners where everything was, and single rows that
 * cannot be read or were written over unreadable ones.
 */
import type { Clock } from '../ports/clock.js'
import type { Log } from '../ports/log.js'
import { type Governor, REFILL_PAGE_UNITS } from '../protocol/background/governor.js'
import type { Effect, Input } from '../protocol/effects.js'
import { TreeRefill } from '../protocol/entropy/refill.js'
import { sharedPartitions } from '../protocol/entropy/schedule.js'
import type { Trees } from '../protocol/entropy/trees.js'
import type { Membership } from '../protocol/membership/membership.js'
import type { RebuildEffect, RebuildProgress } from '../protocol/replica/rebuild.js'
import { BY_TREES, decodeProgress, isByTrees, Rebuild } from '../protocol/replica/rebuild.js'
import { RecoverRowMachine } from '../protocol/replica/recover-row.js'
import { WireError } from '../wire/bytes.js'
import type { Conversations } from './conversations.js'
import type { Coordination } from './coordination.js'
import type { Lost, StorageGuard } from './guard/index.js'
import type { Peers } from './peers.js'
import { RECORDS } from './records.js'

const ROW_DEADLINE_MS = 5000
const ROW_RETRY_MS = 5000
const ROWS_AT_ONCE = 16
/** Keys remembered for recovery; beyond it a row stays marked on the disk and is noticed again when it is next read. */
const SUSPECT_ROWS = 100_000

export interface RebuilderParts {
  readonly clock: Clock
  readonly log: Log
  readonly guard: StorageGuard
  readonly membership: Membership
  readonly conversations: Conversations
  readonly coordination: Coordination
  readonly peers: Peers
  readonly governor: Governor
  readonly trees: Trees
  /** Trees may be compared, and can be made here. */
  mayCompare(): boolean
  perform(effect: Exclude<Effect, { kind: 'done' } | { kind: 'close' }>): void
  completed(): void
}

export class Rebuilder {
  /** Rows that could not be read, or were written over such, and are whole again. */
  rowsRecovered = 0
  readonly #parts: RebuilderParts
  readonly #suspects = new Map<string, Uint8Array>()
  #recovering = 0
  #rowsAgainMs = 0
  #rebuild: Rebuild | undefined
  #refill: TreeRefill | undefined
  /** Most of the rows are here: only the end of the log was lost. */
  #byTrees: boolean

  /** `lost`: now, at the opening. `later`: there is nobody to ask before the membership is known again. */
  constructor(parts: RebuilderParts, progress: Uint8Array | undefined, lost: Lost, later: boolean) {
    this.#parts = parts
    this.#byTrees = lost === 'tail' || isByTrees(progress)
    if (parts.membership.own.incomplete && !later) this.#begin(progress)
  }

  get active(): boolean {
    return this.#rebuild !== undefined || this.#refill !== undefined
  }

  /** To be filled by comparing trees. */
  get refill(): TreeRefill | undefined {
    return this.#refill
  }

  get suspectRows(): number {
    return this.#suspects.size
  }

  /** Rows were lost. */
  lost(lost: Lost): void {
    this.#byTrees = lost === 'tail'
    this.#begin(undefined)
  }

  /** The owners are others now: all over again. */
  restart(): void {
    this.#begin(undefined)
  }

  #begin(progress: Uint8Array | undefined): void {
    const { membership, conversations, log, mayCompare } = this.#parts
    const { ring, self } = membership
    // Whoever holds a partition is filled from those who are read.
    const mine = ring.owners.filter((_, partition) => ring.holders[partition]!.includes(self))
    const resumed = progress !== undefined
    this.#rebuild = undefined
    this.#refill = undefined
    if (this.#byTrees && mayCompare()) {
      this.#refill = new TreeRefill(self, ring, sharedPartitions(ring.holders, self))
      this.#keep(BY_TREES)
    } else
      this.#rebuild = new Rebuild(conversations.nextId(), self, mine, readProgress(progress), ring.digest)
    const by = this.#refill === undefined ? 'scans' : 'trees'
    log.info('rebuild-begun', { partitions: mine.length, by, resumed })
  }

  /** The row cannot be read, or was written over one that could not. */
  suspect(rowKey: Uint8Array): void {
    const { ring, self } = this.#parts.membership
    if (!ring.holdersOf(rowKey).includes(self)) return
    if (this.#suspects.size < SUSPECT_ROWS) this.#suspects.set(Buffer.from(rowKey).toString('latin1'), rowKey)
  }

  owns(id: number): boolean {
    return this.#rebuild?.id === id
  }

  step(input: Input): void {
    const nowMs = this.#parts.clock.monotonicMs()
    this.#run((out) => this.#rebuild?.step(input, nowMs, out))
    this.#askOn(nowMs)
  }

  away(input: Input & { kind: 'lost' | 'suspected' }): void {
    this.step(input)
  }

  tick(nowMs: number): void {
    this.#lookAtRefill()
    this.#askOn(nowMs)
    if (this.#suspects.size > 0 && nowMs >= this.#rowsAgainMs) this.#recoverRows(nowMs)
  }

  /** For the next page, where the one before it is done: pages are small, so that nobody waits long for one. */
  #askOn(nowMs: number): void {
    const { peers, governor } = this.#parts
    if (this.#rebuild === undefined || !governor.may('rebuild')) return
    const up = peers.ids.filter((id) => peers.isUp(id))
    this.#run((out) => this.#rebuild?.tick(nowMs, up, out))
  }

  #lookAtRefill(): void {
    if (this.#refill === undefined) return
    if (this.#refill.isComplete) this.#complete()
    else if (!this.#parts.mayCompare()) this.#begin(undefined)
  }

  #run(step: (out: RebuildEffect[]) => void): void {
    const out: RebuildEffect[] = []
    step(out)
    for (const effect of out) this.#perform(effect)
  }

  #perform(effect: RebuildEffect): void {
    if (effect.kind === 'progress') this.#keep(effect.bytes)
    else if (effect.kind === 'complete') this.#complete()
    else if (effect.kind === 'send') this.#ask(effect)
    else if (effect.kind !== 'done' && effect.kind !== 'close') this.#parts.perform(effect)
  }

  #ask(effect: Effect & { kind: 'send' }): void {
    this.#parts.governor.spend('rebuild', REFILL_PAGE_UNITS)
    this.#parts.perform(effect)
  }

  /** Not waited for: a cursor that is behind only costs a page read twice. */
  #keep(value: Uint8Array | undefined): void {
    this.#parts.guard.write([{ type: 'system', name: RECORDS.rebuild, value }], () => {})
  }

  #complete(): void {
    this.#rebuild = undefined
    this.#refill = undefined
    this.#byTrees = false
    this.#keep(undefined)
    this.#parts.log.info('rebuild-complete')
    this.#parts.completed()
  }

  #recoverRows(nowMs: number): void {
    const { conversations, coordination, membership } = this.#parts
    this.#rowsAgainMs = nowMs + ROW_RETRY_MS
    for (const [name, rowKey] of this.#suspects) {
      if (this.#recovering >= ROWS_AT_ONCE) break
      this.#recovering++
      const placement = coordination.placement(rowKey)
      const machine = new RecoverRowMachine(
        conversations.nextId(),
        membership.self,
        rowKey,
        placement,
        nowMs + ROW_DEADLINE_MS,
      )
      conversations.begin(machine, nowMs, (outcome) => {
        this.#recovering--
        if (outcome === 'later') return
        if (outcome === 'recovered') this.rowsRecovered++
        else this.#hide(rowKey)
        this.#suspects.delete(name)
        this.#rowsAgainMs = 0
      })
    }
  }

  /** Nobody has it, and it is in a tree. Others could not compare soundly with this node while that tells of a row which cannot be read: built anew, it has a hole (holes.ts). */
  #hide(rowKey: Uint8Array): void {
    const { membership, trees } = this.#parts
    const partition = membership.ring.partitionOf(rowKey)
    const isTold = trees.isReady(partition) && !trees.hasHole(partition)
    if (membership.ring.moving.has(partition) && isTold) trees.doubt(rowKey)
  }
}

function readProgress(bytes: Uint8Array | undefined): RebuildProgress | undefined {
  if (bytes === undefined) return undefined
  try {
    return decodeProgress(bytes)
  } catch (error) {
    if (!(error instanceof WireError)) throw error
    return undefined
  }
}
