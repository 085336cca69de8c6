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
import type { ForwardBody } from '../protocol/coordinator/forward.js'
import { ForwardMachine, remoteFailure } from '../protocol/coordinator/forward.js'
import { quorum, resolveQuorum } from '../protocol/coordinator/quorum.js'
import { ReadMachine } from '../protocol/coordinator/read.js'
import { WriteMachine } from '../protocol/coordinator/write.js'
import type { Placement, WriteFields } from '../protocol/effects.js'
import type { Membership } from '../protocol/membership/membership.js'
import type { ForwardRead, ForwardWrite, Message } from '../wire/messages.js'
import type { Conversations } from './conversations.js'
import type { Peers } from './peers.js'
import type { Failure, Found, GetRequest, QuorumChoice, WriteRequest, Written } from './requests.js'

export interface CoordinationParts {
  readonly clock: Clock
  readonly random: Random
  readonly membership: Membership
  readonly peers: Peers
  readonly conversations: Conversations
  /** Client writes wait: a member is being let in. */
  holdsWrites(): boolean
  reply(to: string, message: Message): void
}

/** A write, whoever asked for it. */
interface WriteOrder {
  readonly rowKey: Uint8Array
  readonly fields: WriteFields
  readonly context: Uint8Array | undefined
  readonly w: QuorumChoice | undefined
  readonly returnObject: boolean
  readonly preferred: string
  readonly deadlineMs: number
  /** It was forwarded here and goes no further. */
  readonly forwarded: boolean
}

type WriteDone = (outcome: Written | Failure) => void
type ReadDone = (outcome: Found | Failure) => void

const NOTHING = new Uint8Array(0)
const OPERATION_BYTES = 8

export class Coordination {
  readonly #parts: CoordinationParts
  /** Writes that wait until a member has been let in. */
  #held: { order: WriteOrder; done: WriteDone }[] = []

  constructor(parts: CoordinationParts) {
    this.#parts = parts
  }

  get(request: GetRequest, done: ReadDone): void {
    const rowKey = makeRowKey(request.bucket, request.key)
    this.read(rowKey, request.r, request.deadlineMs, false, done)
  }

  write(request: WriteRequest, done: WriteDone): void {
    const { tombstone, wallMs, attributes, value } = request
    this.#write(
      {
        rowKey: makeRowKey(request.bucket, request.key),
        fields: writeFields(tombstone, wallMs, attributes, value, request.operation ?? NOTHING),
        context: request.context,
        w: request.w,
        returnObject: request.returnObject,
        preferred: request.preferred,
        deadlineMs: request.deadlineMs,
        forwarded: false,
      },
      done,
    )
  }

  forwardedRead(from: string, { id, leftMs, r, rowKey }: ForwardRead): void {
    const deadlineMs = this.#deadline(leftMs)
    this.read(rowKey, r === 0 ? undefined : r, deadlineMs, true, (outcome) => {
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
    if (this.#parts.peers.owesRoundTrip(from)) {
      const paused: Failure = {
        status: 'error',
        code: 'NOT_READY',
        message: 'The owner stood still for a while; nothing was written.',
      }
      this.#parts.reply(from, { type: 8, id, outcome: remoteFailure(paused, false) })
      return
    }
    const order: WriteOrder = {
      rowKey: message.rowKey,
      fields: writeFields(tombstone, wallMs, attributes, value, operation),
      context: message.blind ? undefined : message.context,
      w: w === 0 ? undefined : w,
      returnObject: message.returnObject,
      preferred: '',
      deadlineMs: this.#deadline(leftMs),
      forwarded: true,
    }
    this.#write(order, (outcome) => {
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

  read(
    rowKey: Uint8Array,
    choice: QuorumChoice | undefined,
    deadlineMs: number,
    forwarded: boolean,
    done: ReadDone,
  ): void {
    const { conversations, membership, clock } = this.#parts
    const r = resolveQuorum(choice, membership.ring.n)
    if (r === undefined) return done(outOfRange('r', membership.ring.n))
    if (this.#isFull) return done({ status: 'error', code: 'OVERLOADED' })
    const placement = this.placement(rowKey)
    const nowMs = clock.monotonicMs()
    if (!placement.owners.includes(membership.self)) {
      if (forwarded) return done(notOwner())
      return this.#forward(
        { type: 5, r: choice === undefined ? 0 : r, rowKey },
        placement,
        '',
        deadlineMs,
        done as (o: unknown) => void,
      )
    }
    const machine = new ReadMachine(conversations.nextId(), membership.self, rowKey, r, placement, deadlineMs)
    conversations.begin(machine, nowMs, done as (outcome: unknown) => void)
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

  /** Writes held back while a member was let in go on, or run out of time. Call it often. */
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
    return this.#parts.conversations.size + this.#held.length >= limits.requestsInFlight
  }

  #deadline(leftMs: number): number {
    return this.#parts.clock.monotonicMs() + Math.min(leftMs, limits.maxTimeoutMs)
  }

  #write(order: WriteOrder, done: WriteDone): void {
    const { membership } = this.#parts
    const n = membership.ring.n
    const w = resolveQuorum(order.w, n)
    if (w === undefined) return done(outOfRange('w', n))
    if (this.#isFull) return done({ status: 'error', code: 'OVERLOADED' })
    if (this.#parts.holdsWrites()) {
      this.#held.push({ order, done })
      return
    }
    const placement = this.placement(order.rowKey)
    if (!placement.owners.includes(membership.self)) {
      if (order.forwarded) return done(notOwner())
      return this.#forward(
        forwardBody(this.#named(order), w),
        placement,
        order.preferred,
        order.deadlineMs,
        done as (o: unknown) => void,
      )
    }
    const got = this.#reachable(placement)
    if (got < w) return done(unreachable(w, got, n))
    this.#coordinate(order, w, placement, done)
  }

  #reachable({ owners }: Placement): number {
    const { membership, peers } = this.#parts
    let reachable = 0
    for (const owner of owners) if (owner === membership.self || peers.isUp(owner)) reachable++
    return reachable
  }

  #coordinate(order: WriteOrder, w: number, placement: Placement, done: WriteDone): void {
    const { conversations, membership, clock } = this.#parts
    const { rowKey, fields: write, context, returnObject, deadlineMs } = order
    const id = conversations.nextId()
    const { self } = membership
    const n = placement.owners.length
    const r = context === undefined ? quorum(n) : Math.min(w, quorum(n))
    const machine = write.tombstone
      ? new DeleteMachine({ id, self, rowKey, write, context, r, w, placement, returnObject, deadlineMs })
      : new WriteMachine(
          id,
          self,
          rowKey,
          { kind: 'write', write, context: context ?? NOTHING },
          w,
          placement,
          returnObject,
          deadlineMs,
        )
    conversations.begin(machine, clock.monotonicMs(), done as (outcome: unknown) => void)
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
  ): void {
    const { conversations, peers, clock } = this.#parts
    const nowMs = clock.monotonicMs()
    const id = conversations.nextId()
    const up = placement.owners.filter((owner) => peers.isUp(owner))
    const first = up.includes(preferred) ? preferred : up[id % up.length]
    const order = first === undefined ? [] : [first, ...up.filter((owner) => owner !== first)]
    const targets = order.map((owner) => ({ id: owner, fresh: peers.isFresh(owner, nowMs) }))
    const machine = new ForwardMachine(id, body, targets, placement.owners.length, deadlineMs)
    conversations.begin(machine, nowMs, done)
  }
}

function writeFields(
  tombstone: boolean,
  wallMs: number,
  attributes: Uint8Array,
  value: Uint8Array,
  operation: Uint8Array,
): WriteFields {
  const operationIsClients = operation.length > 0
  return { tombstone, incomplete: false, wallMs, operation, attributes, value, operationIsClients }
}

function forwardBody(order: WriteOrder, w: number): ForwardBody {
  const { rowKey, fields, context, returnObject } = order
  const blind = context === undefined
  return {
    type: 7,
    ...fields,
    rowKey,
    w: order.w === undefined ? 0 : w,
    blind,
    returnObject,
    context: context ?? NOTHING,
  }
}

/** These are decided before anything is minted. */
const NOT_BEGUN: readonly string[] = [
  'OVERLOADED',
  'NOT_READY',
  'BAD_CONTEXT',
  'BAD_PARAM',
  'TOO_MANY_SIBLINGS',
]

function isBegun(failure: Failure): boolean {
  return !NOT_BEGUN.includes(failure.code)
}

function outOfRange(name: string, n: number): Failure {
  return {
    status: 'error',
    code: 'BAD_PARAM',
    message: `${name} must be 1 to ${n}, or one, quorum or all; nothing was written.`,
    numbers: { n },
  }
}

function notOwner(): Failure {
  return {
    status: 'error',
    code: 'NOT_READY',
    message: 'This node does not own the key under its table; nothing was written.',
  }
}

function unreachable(needed: number, got: number, n: number): Failure {
  const message = `A write needs ${needed} of ${n} nodes, and ${got} can be reached; nothing was written.`
  return { status: 'error', code: 'QUORUM_UNMET', message, numbers: { needed, got, n } }
}
