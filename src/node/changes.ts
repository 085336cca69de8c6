/**
 * Explicit acts of an operator: a member leaves, is removed, is to be replaced, gets another weight or zone; the cluster gets more partitions, or another N. What was asked for is answered once it is
 * recorded on this node's disk; that partitions move because of it is seen in the cluster's view.
 *
 * One change after the other: while partitions are on their way, another change is refused here, but for the removal or replacement of a member that is dead (it may be
 * what they wait for). Changes that members record without knowing of each other are no harm (decision 44).
 */
import type { Clock } from '../ports/clock.js'
import type { Log } from '../ports/log.js'
import type { Membership } from '../protocol/membership/membership.js'
import { awaited, placeInVain, vacant, withReplacement } from '../protocol/membership/replacement.js'
import {
  type Act,
  type ClusterState,
  clusterAct,
  departed,
  nextChange,
  presentMembers,
  successorOf,
  weightAndZone,
  withChange,
} from '../protocol/membership/state.js'
import { amountOf, amountRefusal } from './cluster-acts.js'
import type { Changed, ChangeRequest, ClusterChangeRequest, Failure } from './requests.js'

/** Acts that wait for the disk at a time. */
const WAITING = 64

export interface ChangesParts {
  readonly membership: Membership
  readonly clock: Pick<Clock, 'wallMs'>
  readonly log: Pick<Log, 'info'>
  readonly peers: { isConnected(id: string): boolean }
  newId(): string
  offer(state: ClusterState): void
}

interface Waiting {
  isIn(state: ClusterState): boolean
  readonly deadlineMs: number
  readonly done: (outcome: Changed | Failure) => void
}

export class MembershipChanges {
  readonly #parts: ChangesParts
  #waiting: Waiting[] = []

  constructor(parts: ChangesParts) {
    this.#parts = parts
  }

  record(request: ChangeRequest | ClusterChangeRequest, done: Waiting['done']): void {
    if (request.kind === 'split' || request.kind === 'copies') return this.#recordOfCluster(request, done)
    if (request.kind === 'replace') return this.#replace(request, done)
    const { state } = this.#parts.membership
    const id = this.#idOf(request.member)
    const refusal = id === undefined ? unknown(request.member) : this.#refusal(request, id)
    if (id === undefined || refusal !== undefined) return done(refusal!)
    const { weight, zone } = { ...weightAndZone(state, id), ...given(request) }
    this.#write({ kind: request.kind, member: id, weight, zone }, request.deadlineMs, done)
  }

  #recordOfCluster(request: ClusterChangeRequest, done: Waiting['done']): void {
    const { ring } = this.#parts.membership
    const amount = amountOf(request, ring.table)
    const isBusy = this.#isBusy() ?? (ring.moving.size > 0 ? later(MOVING) : undefined)
    const refusal = isBusy ?? amountRefusal(request.kind, amount, ring.table)
    if (refusal !== undefined) done(refusal)
    else this.#write(clusterAct(request.kind, amount), request.deadlineMs, done)
  }

  /** The place is kept for a machine with the name `by`, which has not come yet. */
  #replace({ member, by = '', deadlineMs }: ChangeRequest, done: Waiting['done']): void {
    const { membership, peers, clock, newId } = this.#parts
    const { state, self } = membership
    const isBusy = this.#isBusy()
    if (isBusy !== undefined) return done(isBusy)
    if (presentMembers(state).some(({ name, id }) => name === by || id === by))
      return done(refused(named(by)))
    const old = vacant(membership, member, (id) => peers.isConnected(id))
    if ('verdict' in old) return done(old.verdict === 'later' ? later(MOVING) : refused(old.reason))
    const newcomer = awaited(newId(), by)
    const isIn = (now: ClusterState) => successorOf(now, old.id) === newcomer.id
    const replaced = withReplacement(state, self, { old: old.id, newcomer }, clock.wallMs())
    this.#offer(replaced, { isIn, deadlineMs, done })
  }

  #write(act: Act, deadlineMs: number, done: Waiting['done']): void {
    const { membership, clock } = this.#parts
    const { state, self } = membership
    const change = nextChange(state, self, act, clock.wallMs())
    const { stamp, author } = change
    const isIn = ({ changes }: ClusterState) =>
      changes.some((one) => one.stamp === stamp && one.author === author)
    this.#offer(withChange(state, change), { isIn, deadlineMs, done })
  }

  #offer(state: ClusterState, waiting: Waiting): void {
    if (this.#waiting.length >= WAITING) return waiting.done({ status: 'error', code: 'OVERLOADED' })
    this.#waiting.push(waiting)
    this.#parts.offer(state)
  }

  /** The membership state in force is another one. */
  adopted(): void {
    this.#giveUpPlace()
    const waiting = this.#waiting
    if (waiting.length === 0) return
    this.#waiting = []
    const { state } = this.#parts.membership
    for (const one of waiting) {
      if (one.isIn(state)) one.done(this.#changed)
      else this.#waiting.push(one)
    }
  }

  /** Partitions would wait for ever for a machine that is in already. */
  #giveUpPlace(): void {
    const { membership, clock, log } = this.#parts
    const { latest, self, confirmed } = membership
    const place = confirmed ? placeInVain(latest, self) : undefined
    if (place === undefined) return
    log.info('place-given-up', { member: place.name, id: place.id })
    const act = { kind: 'remove', member: place.id, weight: 1, zone: '' } as const
    this.#parts.offer(withChange(latest, nextChange(latest, self, act, clock.wallMs())))
  }

  get #changed(): Changed {
    const { moving, table } = this.#parts.membership.ring
    return { status: 'ok', moving: moving.size, partitions: table.partitions, copies: table.copies }
  }

  #isBusy(): Failure | undefined {
    const isBusy = !this.#parts.membership.confirmed || this.#waiting.length > 0
    return isBusy ? later('Another change is being written.') : undefined
  }

  /** Call often. */
  expire(nowMs: number): void {
    const late = this.#waiting.filter(({ deadlineMs }) => deadlineMs <= nowMs)
    if (late.length === 0) return
    this.#waiting = this.#waiting.filter(({ deadlineMs }) => deadlineMs > nowMs)
    const message = 'The change was not written here in time; it may still be.'
    for (const { done } of late) done({ status: 'error', code: 'TIMEOUT', message })
  }

  /** A present member, by its name or its id. */
  #idOf(member: string): string | undefined {
    const present = presentMembers(this.#parts.membership.state)
    return present.find(({ id, name }) => id === member || name === member)?.id
  }

  #refusal({ kind, member }: ChangeRequest, id: string): Failure | undefined {
    const { membership, peers } = this.#parts
    const { ring, self, state } = membership
    const isBusy = this.#isBusy()
    if (isBusy !== undefined) return isBusy
    if (kind === 'remove') {
      if (id === self || peers.isConnected(id))
        return refused(`${member} is alive: let it leave, which hands over what it holds.`)
      return ring.table.members.length === 1 ? refused(LAST) : undefined
    }
    if (ring.moving.size > 0) return later(MOVING)
    if (departed(state).has(id)) return refused(`${member} is leaving already.`)
    return kind === 'leave' && ring.table.members.length === 1 ? refused(LAST) : undefined
  }
}

const MOVING = 'Partitions are still moving because of an earlier change; nothing was recorded.'
const LAST = 'The last member cannot go.'

function given({ weight, zone }: ChangeRequest): { weight?: number; zone?: string } {
  return { ...(weight === undefined ? {} : { weight }), ...(zone === undefined ? {} : { zone }) }
}

function named(by: string): string {
  return `A member named ${by} is there already, with partitions of its own: a place is kept for a machine that has not joined yet.`
}

function unknown(member: string): Failure {
  return { status: 'error', code: 'NOT_FOUND', message: `No present member is named ${member}.` }
}

function refused(message: string): Failure {
  return { status: 'error', code: 'BAD_PARAM', message }
}

function later(message: string): Failure {
  return { status: 'error', code: 'NOT_READY', message }
}
