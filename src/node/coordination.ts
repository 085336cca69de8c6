/**
 * From a request to its conversation: which key, whose, how many must answer, and whether this node coordinates it or an owner must. The
 * same for requests of clients and for those that other nodes forward here.
 */

import { makeRowKey } from '../kernel/index.js'
import { limits } from '../limits.js'
import type { Clock } from '../ports/clock.js'
import type { Random } from '../ports/random.js'
import { DeleteMachine } from '../protocol/coordinator/delete.js'
import type { ReplicaAnswer } from '../protocol/coordinator/explain.js'
import { ExplainMachine } from '../protocol/coordinator/explain.js'
import type { ForwardBody, Unreached } from '../protocol/coordinator/forward.js'
import { ForwardMachine, remoteFailure } from '../protocol/coordinator/forward.js'
import { quorum, quorumOf } from '../protocol/coordinator/quorum.js'
import { ReadMachine } from '../protocol/coordinator/read.js'
import { WriteMachine } from '../protocol/coordinator/write.js'
import type { DurableBy, LocalFault, Placement } from '../protocol/effects.js'
import type { Membership } from '../protocol/membership/membership.js'
import type { ForwardRead, ForwardWrite, Message } from '../wire/messages.js'
import { propertiesOf, withinReach } from './bucket-settings.js'
import type { Conversations } from './conversations.js'
import {
  choiceOf,
  forwardBody,
  forwardedChoice,
  isOutOfRange,
  type ReadOrder,
  type WriteOrder,
  writeFields,
} from './orders.js'
import type { Peers } from './peers.js'
import { isBegun, OVERLOADED, outOfRange, unreachable } from './refusals.js'
import type { Failure, Found, GetRequest, QuorumChoice, WriteRequest, Written } from './requests.js'

export interface CoordinationParts {
  readonly clock: Clock
  readonly random: Random
  readonly membership: Membership
  readonly peers: Peers
  readonly conversations: Conversations
  readonly counts: { stoodIn: number }
  /** Why this node's own replica would refuse a write now. */
  refusal(): LocalFault | undefined
  /** Requests forwarded here that may be in progress at a time. */
  forwardLimit(): number
  /** This node's replica acknowledges from memory. */
  readonly isBuffered: boolean
  /** Client writes wait: a member is being let in. */
  holdsWrites(): boolean
  reply(to: string, message: Message): void
}

type WriteDone = (outcome: Written | Failure) => void
type ReadDone = (outcome: Found | Failure) => void

const NOTHING = new Uint8Array(0)
const OPERATION_BYTES = 8

export class Coordination {
  readonly #parts: CoordinationParts
  /** Writes that wait until a member has been let in. */
  #held: { order: WriteOrder; done: WriteDone }[] = []
  /** Writes that were forwarded here last, by peer and message. */
  readonly #taken = new Set<string>()
  /** Forwarded here, and not yet answered. */
  #forwarded = 0

  constructor(parts: CoordinationParts) {
    this.#parts = parts
  }

  get(request: GetRequest, done: ReadDone): void {
    const { deadlineMs } = request
    const { membership } = this.#parts
    const set = propertiesOf(membership, request.bucket)
    const r = request.r ?? withinReach(set?.r, membership.ring.n)
    const sloppy = request.sloppy ?? set?.sloppy ?? true
    const rowKey = makeRowKey(request.bucket, request.key)
    this.read({ rowKey, r, sloppy, deadlineMs, forwarded: false }, done)
  }

  write(request: WriteRequest, done: WriteDone): void {
    const { tombstone, wallMs, attributes, value } = request
    const { membership } = this.#parts
    const set = propertiesOf(membership, request.bucket)
    this.#write(
      {
        rowKey: makeRowKey(request.bucket, request.key),
        fields: writeFields(tombstone, wallMs, attributes, value, request.operation ?? NOTHING),
        context: request.context,
        w: request.w ?? withinReach(set?.w, membership.ring.n),
        sloppy: request.sloppy ?? set?.sloppy ?? true,
        returnObject: request.returnObject,
        preferred: request.preferred,
        deadlineMs: request.deadlineMs,
        forwarded: false,
      },
      done,
    )
  }

  forwardedRead(from: string, { id, leftMs, r, strict, rowKey }: ForwardRead): void {
    const deadlineMs = this.#deadline(leftMs)
    const order = { rowKey, r: choiceOf(r), sloppy: !strict, deadlineMs, forwarded: true }
    if (this.#isCrowded) {
      this.#parts.reply(from, { type: 6, id, outcome: remoteFailure(OVERLOADED, false) })
      return
    }
    this.#forwarded++
    this.read(order, (outcome) => {
      this.#forwarded--
      const remote =
        outcome.status === 'error'
          ? remoteFailure(outcome, false)
          : ({
              status: 'ok',
              known: outcome.object !== undefined,
              object: outcome.object ?? NOTHING,
              fastest: outcome.fastest,
            } as const)
      this.#parts.reply(from, { type: 6, id, outcome: remote })
    })
  }

  forwardedWrite(from: string, message: ForwardWrite): void {
    const { id, leftMs, w, tombstone, wallMs, operation, attributes, value } = message
    if (!this.#isNew(`${from} ${id}`)) return
    if (this.#parts.peers.owesRoundTrip(from)) {
      const paused: Failure = {
        status: 'error',
        code: 'NOT_READY',
        message: 'The owner stood still for a while; nothing was written.',
      }
      this.#parts.reply(from, { type: 8, id, outcome: remoteFailure(paused, false) })
      return
    }
    if (this.#isCrowded) {
      this.#parts.reply(from, { type: 8, id, outcome: remoteFailure(OVERLOADED, false) })
      return
    }
    const order: WriteOrder = {
      rowKey: message.rowKey,
      fields: writeFields(tombstone, wallMs, attributes, value, operation),
      context: message.blind ? undefined : message.context,
      w: choiceOf(w),
      sloppy: !message.strict,
      returnObject: message.returnObject,
      preferred: '',
      deadlineMs: this.#deadline(leftMs),
      forwarded: true,
    }
    this.#forwarded++
    this.#write(order, (outcome) => {
      this.#forwarded--
      const remote =
        outcome.status === 'error'
          ? remoteFailure(outcome, isBegun(outcome))
          : ({
              status: 'ok',
              context: outcome.context,
              known: outcome.object !== undefined,
              object: outcome.object ?? NOTHING,
              fastest: outcome.fastest,
            } as const)
      this.#parts.reply(from, { type: 8, id, outcome: remote })
    })
  }

  /** A frame that arrives twice is answered once: were the second refused while the first is carried out, it would be given to another owner as well. */
  #isNew(forward: string): boolean {
    if (this.#taken.has(forward)) return false
    this.#taken.add(forward)
    if (this.#taken.size > limits.forwardsRemembered) this.#taken.delete(this.#taken.values().next().value!)
    return true
  }

  read(order: ReadOrder, done: ReadDone): void {
    const { membership } = this.#parts
    if (isOutOfRange(order.r, order, membership.ring.n)) return done(outOfRange('r', membership.ring.n))
    if (this.#isFull) return done(OVERLOADED)
    const placement = this.placement(order.rowKey)
    const r = quorumOf(order.r, placement.owners.length)
    // Whoever forwarded it here may know of other owners: it goes no further.
    if (placement.owners.includes(membership.self) || order.forwarded)
      return this.#coordinateRead(order, r, placement, done)
    const { rowKey, sloppy, deadlineMs } = order
    const body = { type: 5, r: this.#forwardedChoice(order.r, placement), strict: !sloppy, rowKey } as const
    const instead = sloppy ? () => this.#coordinateRead(order, r, placement, done) : undefined
    this.#forward(body, placement, '', deadlineMs, done as (outcome: unknown) => void, instead)
  }

  #coordinateRead(order: ReadOrder, needed: number, placement: Placement, done: ReadDone): void {
    const { conversations, membership, clock } = this.#parts
    const id = conversations.nextId()
    const { rowKey, sloppy, deadlineMs } = order
    const machine = new ReadMachine({
      id,
      self: membership.self,
      rowKey,
      needed,
      choice: order.r ?? 'quorum',
      sloppy,
      placement,
      deadlineMs,
    })
    conversations.begin(machine, clock.monotonicMs(), done as (outcome: unknown) => void)
  }

  explain(rowKey: Uint8Array, deadlineMs: number, done: (answers: readonly ReplicaAnswer[]) => void): void {
    const { conversations, membership, clock } = this.#parts
    const machine = new ExplainMachine(
      conversations.nextId(),
      membership.self,
      rowKey,
      this.placement(rowKey),
      deadlineMs,
    )
    conversations.begin(machine, clock.monotonicMs(), done as (outcome: unknown) => void)
  }

  placement(rowKey: Uint8Array): Placement {
    return this.#parts.membership.ring.placementOf(rowKey)
  }

  /** Writes held back while a member was let in go on, or run out of time. */
  releaseHeld(nowMs: number): void {
    if (this.#held.length === 0) return
    const held = this.#held
    this.#held = []
    const open = !this.#parts.holdsWrites()
    for (const { order, done } of held) {
      if (nowMs >= order.deadlineMs)
        done({ status: 'error', code: 'TIMEOUT', message: 'A node was joining; nothing was written.' })
      else if (open) this.#write(order, done)
      else this.#held.push({ order, done })
    }
  }

  get #isFull(): boolean {
    return this.#parts.conversations.unanswered + this.#held.length >= limits.requestsInFlight
  }

  /** Requests forwarded here wait for what is in progress, as clients' do: another owner may have time. */
  get #isCrowded(): boolean {
    return this.#forwarded >= this.#parts.forwardLimit()
  }

  #deadline(leftMs: number): number {
    return this.#parts.clock.monotonicMs() + Math.min(leftMs, limits.maxTimeoutMs)
  }

  #write(order: WriteOrder, done: WriteDone): void {
    const { membership } = this.#parts
    const n = membership.ring.n
    if (isOutOfRange(order.w, order, n)) return done(outOfRange('w', n))
    if (this.#isFull) return done(OVERLOADED)
    if (this.#parts.holdsWrites()) {
      this.#held.push({ order, done })
      return
    }
    const placement = this.placement(order.rowKey)
    const w = quorumOf(order.w, placement.owners.length)
    if (!placement.owners.includes(membership.self)) {
      if (order.forwarded) return this.#coordinate(order, w, placement, done)
      return this.#forwardWrite(this.#named(order), w, placement, done)
    }
    const got = this.#reachable(placement.owners)
    if (got < w && !(order.sloppy && this.#reachable(membership.ring.members) >= w))
      return done(unreachable(w, got, placement.owners.length))
    if (this.#isBetterElsewhere(order)) this.#forwardWrite(this.#named(order), w, placement, done)
    else this.#coordinate(order, w, placement, done)
  }

  /** This owner cannot store it, and another may. An overloaded one does not send its load to others. */
  #isBetterElsewhere(order: WriteOrder): boolean {
    if (order.forwarded) return false
    const refusal = this.#parts.refusal()
    return refusal !== undefined && refusal !== 'overloaded'
  }

  /** Where no owner begins it, this node does if it is one (and says why it cannot), or may stand in for one. */
  #forwardWrite(order: WriteOrder, w: number, placement: Placement, done: WriteDone): void {
    const isMine = placement.owners.includes(this.#parts.membership.self)
    const instead = order.sloppy || isMine ? () => this.#coordinate(order, w, placement, done) : undefined
    const { preferred, deadlineMs } = order
    const body = forwardBody(order, this.#forwardedChoice(order.w, placement))
    this.#forward(body, placement, preferred, deadlineMs, done as (o: unknown) => void, instead)
  }

  #forwardedChoice(choice: QuorumChoice | undefined, placement: Placement): number {
    const { membership } = this.#parts
    const { self } = membership
    return forwardedChoice(choice, placement, (owner) => owner === self || membership.understandsNews(owner))
  }

  #reachable(nodes: readonly string[]): number {
    const { peers, membership } = this.#parts
    let reachable = 0
    for (const node of nodes) if (node === membership.self || peers.isUp(node)) reachable++
    return reachable
  }

  #coordinate(order: WriteOrder, needed: number, placement: Placement, done: WriteDone): void {
    const { conversations, membership, clock } = this.#parts
    const { rowKey, fields: write, context, returnObject, deadlineMs, sloppy } = order
    const { self } = membership
    const n = placement.owners.length
    const r = context === undefined ? quorum(n) : Math.min(needed, quorum(n))
    const id = conversations.nextId()
    const task = { kind: 'write', write, context: context ?? NOTHING } as const
    const durableBy = this.#durableBy
    const choice = order.w ?? 'quorum'
    const counts = { needed, choice, sloppy, durableBy, placement }
    const request = { id, self, rowKey, task, ...counts, returnObject, deadlineMs }
    const readChoice = context === undefined || r === quorum(n) ? 'quorum' : r
    const machine = write.tombstone
      ? new DeleteMachine({ ...request, write, context, r, readChoice, w: needed })
      : new WriteMachine(request)
    conversations.begin(machine, clock.monotonicMs(), done as (outcome: unknown) => void)
  }

  get #durableBy(): DurableBy {
    if (!this.#parts.isBuffered) return 'self'
    return this.#parts.membership.ring.members.length > 1 ? 'another' : 'nobody'
  }

  /**
   * A write that goes over the network carries an operation id, if not the client's then one of ours: should its frame ever arrive
   * twice, it is still one write.
   */
  #named(order: WriteOrder): WriteOrder {
    if (order.fields.operation.length > 0) return order
    const operation = this.#parts.random.bytes(OPERATION_BYTES)
    return { ...order, fields: { ...order.fields, operation, operationIsClients: true } }
  }

  #forward(
    body: ForwardBody,
    placement: Placement,
    preferred: string,
    deadlineMs: number,
    done: (outcome: unknown) => void,
    instead: (() => void) | undefined,
  ): void {
    const { conversations, peers, clock } = this.#parts
    const nowMs = clock.monotonicMs()
    const id = conversations.nextId()
    const up = placement.owners.filter((owner) => peers.isUp(owner))
    const first = up.includes(preferred) ? preferred : up[id % up.length]
    const order = first === undefined ? [] : [first, ...up.filter((owner) => owner !== first)]
    const targets = order.map((owner) => ({
      id: owner,
      fresh: peers.isFresh(owner, nowMs),
      lateAfterMs: peers.lateAfterMs(owner),
    }))
    const machine = new ForwardMachine(id, body, targets, placement.owners.length, deadlineMs)
    conversations.begin(machine, nowMs, (outcome) => {
      const { status, failure } = outcome as Unreached
      if (status !== 'unreached') done(outcome)
      else if (instead === undefined) done(failure)
      else {
        this.#parts.counts.stoodIn++
        instead()
      }
    })
  }
}
