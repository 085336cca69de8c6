/**
 * Partitions on their way to other owners, as this node has to do with them: records what it has handed over and released, and lets go of the rows that it owns no
 * more. What is to be compared with whom says the handover; the exchanges are conducted by Entropy.
 */
import type { Clock } from '../ports/clock.js'
import type { Log } from '../ports/log.js'
import { type Governor, SWEEP_UNITS } from '../protocol/background/governor.js'
import type { Trees } from '../protocol/entropy/trees.js'
import type { Membership } from '../protocol/membership/membership.js'
import { withHanding } from '../protocol/membership/moves.js'
import type { ClusterState } from '../protocol/membership/state.js'
import { departed, factsOf, movesOf, removed, withMoves } from '../protocol/membership/state.js'
import { Handover } from '../protocol/transfer/handover.js'
import { bytesMoving, Pacemaker, partitionsMoved, waitsFor } from '../protocol/transfer/progress.js'
import type { MoveView } from './cluster-view.js'
import type { Conversations } from './conversations.js'
import type { StorageGuard } from './guard/index.js'
import { Holes } from './holes.js'
import type { Outflow } from './outflow.js'
import { sizesOf } from './planning.js'
import { RECORDS } from './records.js'
import type { Replica } from './replica.js'
import { Sweep } from './sweep.js'

/** Facts of so long are recorded together: each record goes to every member. */
const RECORD_EVERY_MS = 200

export interface TransfersParts {
  readonly clock: Clock
  readonly log: Log
  readonly guard: StorageGuard
  readonly membership: Membership
  readonly conversations: Conversations
  readonly replica: Replica
  readonly trees: Trees
  readonly governor: Governor
  readonly outflow: Outflow
  offer(state: ClusterState): void
}

export class Transfers {
  readonly handover: Handover
  /** Rows that left, and those that wait for it. */
  readonly outflow: Outflow
  readonly sweep: Sweep
  readonly holes: Holes
  readonly #parts: TransfersParts
  #recordMs = 0
  /** Counts the barriers that were begun. */
  #barrier = 0
  /** To be told when what was under way has landed; undefined: nobody waits. */
  #landing: (() => boolean) | undefined
  readonly #pacemaker = new Pacemaker()

  constructor(parts: TransfersParts) {
    this.#parts = parts
    const { membership, outflow } = parts
    this.outflow = outflow
    this.handover = new Handover(membership.self, (peer) => factsOf(membership.state, peer)?.boot ?? 0)
    this.sweep = new Sweep(parts)
    this.holes = new Holes(parts)
    this.adopted()
  }

  /** Partitions that are on their way, as this node sees it. */
  get moving(): number {
    return this.#parts.membership.ring.moving.size
  }

  /** How far the present change is; undefined where nothing moves. */
  progress(isThere: (member: string) => boolean): MoveView | undefined {
    const { membership, clock, outflow } = this.#parts
    const { state, ring, self } = membership
    const left = this.moving
    if (left === 0) return undefined
    const { perSecond, leftMs } = this.#pacemaker.pace(clock.monotonicMs(), left)
    const isHere = (member: string) => member === self || isThere(member)
    return {
      partitions: partitionsMoved(state, ring),
      left,
      perSecond,
      leftSeconds: leftMs === undefined ? undefined : leftMs / 1_000,
      rowsSent: outflow.rowsSent,
      bytesSent: outflow.bytesSent,
      ...this.#bytesMoving,
      waitsFor: waitsFor(ring.moving, state.moves?.handings ?? [], isHere).map(({ member, ...rest }) => {
        return { id: member, name: factsOf(state, member)?.name ?? member, isThere: isHere(member), ...rest }
      }),
    }
  }

  /** A new owner has a part of its partitions, which says nothing of how large they are. */
  get #bytesMoving(): Pick<MoveView, 'bytesMoving' | 'bytesArrived'> {
    const { membership, trees } = this.#parts
    const { ring, self } = membership
    const isWhole = (partition: number) =>
      (ring.moving.get(partition)?.settled ?? ring.owners[partition]!).includes(self)
    const { of } = sizesOf(trees, isWhole)
    const here = (partition: number) => (trees.isReady(partition) ? trees.bytesOf(partition) : 0)
    const { all, arrived } = bytesMoving(self, ring.moving, of(1), here)
    return { bytesMoving: all === undefined ? undefined : Math.round(all), bytesArrived: arrived }
  }

  get isBusy(): boolean {
    return this.moving > 0 || this.sweep.isBusy || this.outflow.isWaiting
  }

  adopted(): void {
    const { membership, replica } = this.#parts
    const isNew = this.handover.plan(membership.ring, membership.state.moves?.handings ?? [])
    this.sweep.look()
    if (!isNew) return
    this.#barrier++
    this.#landing = replica.landing()
  }

  tick(nowMs: number): void {
    const { governor, membership, outflow } = this.#parts
    outflow.tick(nowMs)
    this.#pacemaker.look(nowMs, membership.ring.table.name, this.moving)
    if (this.#landing?.() === true) this.#land()
    if (nowMs >= this.#recordMs) {
      this.#recordMs = nowMs + RECORD_EVERY_MS
      this.#record()
      this.#leave()
    }
    const take = () => governor.take('handoff', SWEEP_UNITS)
    this.sweep.tick(() => governor.may('handoff') && outflow.maySweep() && take())
    this.holes.tick(nowMs, take)
  }

  /** Behind all that was given to the disk until now. */
  #land(): void {
    const barrier = this.#barrier
    this.#landing = undefined
    this.#parts.guard.write([{ type: 'system', name: RECORDS.barrier, value: undefined }], (fault) => {
      if (barrier !== this.#barrier) return
      if (fault === undefined) this.handover.landed()
      else this.#landing = () => this.#parts.guard.state === 'open'
    })
  }

  #record(): void {
    const { membership, trees, guard, log } = this.#parts
    const { state, ring, self, own } = membership
    if (ring.moving.size === 0 || own.incomplete || !membership.confirmed || guard.state !== 'open') return
    const mayTell = (partition: number) => trees.isReady(partition) && !trees.hasHole(partition)
    const { handed, released } = this.handover.due(mayTell)
    if (handed.size + released.size === 0) return
    const { level, name: table } = ring.table
    const version = { level, table, gone: removed(state) }
    this.#parts.offer(withMoves(state, withHanding(movesOf(state), self, version, handed, released)))
    log.debug('handed-over', { handed: handed.size, released: released.size })
  }

  /** It is to leave, and holds nothing that anybody could miss. */
  #leave(): void {
    const { membership, replica } = this.#parts
    const { state, ring, self } = membership
    if (!departed(state).has(self) || ring.members.includes(self)) return
    if (!this.sweep.isClean || !replica.hints.isEmpty || !replica.isIdle) return
    const moves = movesOf(state)
    if (moves.left.includes(self)) return
    // Until it is gone it may still be asked to stand in for somebody.
    replica.retire()
    this.#parts.offer(withMoves(state, { ...moves, left: [...moves.left, self].sort() }))
  }
}
