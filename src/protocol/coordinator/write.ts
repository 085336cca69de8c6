/**
 * A put, or the last part of a delete (paper 4.5): mint the dot and merge here, make it durable here, and in parallel send the merged
 * object to the other owners; success when W distinct nodes hold it durably.
 *
 * Sending before it is durable here is safe: should this node crash and lose the row, it comes back with a new
 * incarnation and never mints that dot again. One client write is one dot: whatever happens later, this machine applies once.
 *
 * An owner that is away (not connected, suspected, or unable to store) gets its copy as a hint: the next node beyond the owners keeps it
 * durably and hands it on later (paper 4.6). With a sloppy quorum such a copy counts towards W where the owners themselves are too
 * few. Where nobody is left to ask, this node keeps a hint itself, which counts for nothing. After its answer the machine stays until every owner has
 * answered or is taken care of, so that one that dies under way is not forgotten.
 *
 * When no owner can be reached, a node that is none coordinates: it mints and keeps what it writes as hints for all of them.
 *
 * Where nodes hold rows in memory before their disks have them (durability `buffered`), one copy at least is on a disk when the client is answered
 * (paper 6.1): one owner is asked to answer only then, in the preference list's order and this node last; if it cannot, the next one is.
 *
 * With `object` instead of a write it makes an already merged state durable on W nodes without minting anything (a delete that
 * finds nothing live must not acknowledge a tombstone that only one node holds).
 */
import type { Failure } from '../../errors.js'
import { CODES, decodeObject, objectClock, siblingCount, writtenContext } from '../../kernel/index.js'
import type { HintedWrite, ReplicaWrite, ReplicaWritten } from '../../wire/messages.js'
import { ReplicaStatus } from '../../wire/messages.js'
import type { DurableBy, Effect, Input, LocalFault, Machine, Placement, WriteFields } from '../effects.js'
import { DurableCopy } from './durable-copy.js'
import { type QuorumChoice, QuorumTally, quorumOf } from './quorum.js'
import { timedOut } from './read.js'

export interface Written {
  readonly status: 'ok'
  readonly context: Uint8Array
  readonly object: Uint8Array | undefined
  readonly fastest: string
}

export type WriteTask =
  | { readonly kind: 'write'; readonly write: WriteFields; readonly context: Uint8Array }
  | { readonly kind: 'keep'; readonly object: Uint8Array }

export interface WriteRequest {
  readonly id: number
  readonly self: string
  readonly rowKey: Uint8Array
  readonly task: WriteTask
  /** W */
  readonly needed: number
  /** What W came from: asked for anew where another list of owners is in force. Absent: that number. */
  readonly choice?: QuorumChoice | undefined
  /** Nodes that stand in for owners count towards W. */
  readonly sloppy: boolean
  readonly durableBy: DurableBy
  readonly placement: Placement
  readonly returnObject: boolean
  readonly deadlineMs: number
}

const NO_ACTOR = new Uint8Array(14)
const NOTHING = new Uint8Array(0)

export class WriteMachine implements Machine {
  readonly id: number
  readonly deadlineMs: number
  readonly #self: string
  readonly rowKey: Uint8Array
  readonly #tally: QuorumTally
  readonly #task: WriteTask
  readonly #returnObject: boolean
  #placement: Placement
  #object: Uint8Array | undefined
  #actor: Uint8Array | undefined
  #isOwner: boolean
  readonly #choice: QuorumChoice
  /** What this node writes goes into its own row, and not into what it keeps for others. */
  #ownRow: boolean
  #settling = 1
  #writtenHere = false
  readonly #durable: DurableCopy
  readonly #sloppy: boolean
  #full = 0
  #answered = false
  #closed = false

  constructor(request: WriteRequest) {
    const { placement, needed, sloppy, durableBy, self } = request
    this.id = request.id
    this.#self = request.self
    this.rowKey = request.rowKey
    this.#task = request.task
    this.#placement = placement
    this.#returnObject = request.returnObject
    this.deadlineMs = request.deadlineMs
    this.#sloppy = sloppy
    this.#choice = request.choice ?? needed
    this.#tally = new QuorumTally(placement.owners, needed, sloppy)
    if (placement.others !== undefined) this.#tally.alsoIn(placement.others, this.#choice)
    this.#isOwner = this.#holders.includes(request.self)
    this.#ownRow = this.#isOwner
    // What a node that is no owner keeps is a hint. Those are never acknowledged from memory, and count for no strict write.
    this.#durable = new DurableCopy(self, this.#isOwner || !sloppy ? durableBy : 'self')
    if (!this.#isOwner) this.#tally.standInMyself(request.self, placement)
  }

  start(nowMs: number, out: Effect[]): void {
    if (nowMs >= this.deadlineMs) {
      this.#refuse(timedOut(this.#tally, this.#placement.owners.length), out)
      return
    }
    const { id: conversation, rowKey } = this
    const hintFor = this.#isOwner ? undefined : this.#holders
    if (this.#task.kind === 'write') {
      const { write, context } = this.#task
      out.push({ kind: 'write', conversation, rowKey, write, context, hintFor })
    } else {
      this.#object = this.#task.object
      out.push({ kind: 'merge', conversation, rowKey, object: this.#task.object, hintFor })
      this.#replicate(nowMs, out)
    }
  }

  step(input: Input, nowMs: number, out: Effect[]): void {
    if (this.#closed) return
    switch (input.kind) {
      case 'applied':
        this.#applied(input, nowMs, out)
        break
      case 'settled':
        this.#settled(input, nowMs, out)
        break
      case 'answer':
        if (input.message.type !== 2) return
        this.#answer(input.from, input.message, nowMs, out)
        break
      case 'unsent':
      case 'lost':
      case 'suspected':
        this.#away(input.to, nowMs, out)
        break
      case 'placement':
        this.#place(input.placement, out)
        if (this.#object !== undefined) this.#replicate(nowMs, out)
        break
      default:
        return
    }
    this.#conclude(nowMs, out)
  }

  expire(_nowMs: number, out: Effect[]): void {
    if (!this.#answered) this.#reply(timedOut(this.#tally, this.#placement.owners.length), out)
    this.#close(out)
  }

  get #holders(): readonly string[] {
    return this.#placement.holders ?? this.#placement.owners
  }

  #place(placement: Placement, out: Effect[]): void {
    this.#placement = placement
    this.#tally.place(placement.owners, quorumOf(this.#choice, placement.owners.length))
    if (placement.others !== undefined) this.#tally.alsoIn(placement.others, this.#choice)
    this.#durable.place()
    this.#isOwner = this.#holders.includes(this.#self)
    if (!this.#isOwner) this.#tally.standInMyself(this.#self, placement)
    this.#moveToOwnRow(out)
    if (this.#writtenHere) this.#count(this.#self)
  }

  /** An owner counts only with its own row. */
  #moveToOwnRow(out: Effect[]): void {
    if (!this.#isOwner || this.#ownRow || this.#object === undefined) return
    this.#ownRow = true
    this.#settling++
    this.#writtenHere = false
    out.push({ kind: 'merge', conversation: this.id, rowKey: this.rowKey, object: this.#object })
  }

  #applied(applied: Input & { kind: 'applied' }, nowMs: number, out: Effect[]): void {
    if (applied.code < 0 && applied.code !== CODES.ALREADY) {
      this.#refuse(refusal(applied.code), out)
      return
    }
    this.#object = applied.object
    this.#actor = applied.code === CODES.ALREADY ? undefined : applied.actor
    this.#moveToOwnRow(out)
    this.#replicate(nowMs, out)
  }

  /** To every owner not heard yet, and in place of those that are away already to others. */
  #replicate(nowMs: number, out: Effect[]): void {
    const message = this.#replica(nowMs, false)
    const isOpen = (owner: string) => owner !== this.#self && this.#tally.isOpen(owner)
    const asked = this.#durable.isOpen ? this.#durable.ask(this.#placement.owners.filter(isOpen)) : undefined
    for (const owner of this.#holders) {
      if (owner === this.#self) continue
      if (!this.#tally.isOpen(owner)) this.#standIn(owner, nowMs, out)
      else if (owner !== asked) out.push({ kind: 'send', conversation: this.id, to: owner, message })
      else out.push({ kind: 'send', conversation: this.id, to: owner, message: this.#replica(nowMs, true) })
    }
  }

  /** Who was asked for a durable copy cannot give it: the next one is asked, though it may hold the write in memory already. */
  #askAgain(nowMs: number, out: Effect[]): void {
    if (this.#object === undefined || !this.#durable.isOpen) return
    const able = this.#placement.owners.filter(
      (owner) => owner !== this.#self && !this.#tally.hasFailed(owner),
    )
    const to = this.#durable.ask(this.#writtenHere ? [...able, this.#self] : able)
    const { id: conversation, rowKey } = this
    if (to === this.#self)
      out.push({ kind: 'merge', conversation, rowKey, object: this.#object, durable: true })
    else if (to !== undefined) {
      out.push({ kind: 'send', conversation, to, message: this.#replica(nowMs, true) })
    }
  }

  /** For an owner's replica. */
  #replica(nowMs: number, durable: boolean): ReplicaWrite {
    const { id, rowKey } = this
    const { ring } = this.#placement
    return { type: 1, id, durable, leftMs: this.#leftMs(nowMs), ring, rowKey, object: this.#object! }
  }

  /** For one who stands in for `target`. */
  #hinted(nowMs: number, target: string): HintedWrite {
    const { id, rowKey } = this
    const { ring } = this.#placement
    return { type: 17, id, leftMs: this.#leftMs(nowMs), ring, target, rowKey, object: this.#object! }
  }

  #leftMs(nowMs: number): number {
    return Math.max(0, Math.ceil(this.deadlineMs - nowMs))
  }

  /** An owner, or one who stands in for one, cannot be expected to store this. */
  #away(node: string, nowMs: number, out: Effect[]): void {
    this.#durable.fail(node)
    const owner = this.#tally.standsInFor(node) ?? node
    if (owner === node) this.#tally.fail(node)
    else this.#tally.failStandIn(node)
    if (this.#object !== undefined && this.#holders.includes(owner)) this.#standIn(owner, nowMs, out)
  }

  #standIn(owner: string, nowMs: number, out: Effect[]): void {
    if (this.#tally.hasCounted(owner) || this.#tally.hasStandIn(owner)) return
    const to = this.#tally.standIn(owner, this.#placement, this.#self)
    if (to !== undefined) {
      out.push({ kind: 'send', conversation: this.id, to, message: this.#hinted(nowMs, owner) })
    } else if (this.#isOwner && owner !== this.#self) {
      const { rowKey } = this
      out.push({ kind: 'merge', conversation: 0, rowKey, object: NOTHING, hintFor: [owner] })
    }
  }

  #settled(input: Input & { kind: 'settled' }, nowMs: number, out: Effect[]): void {
    const { fault, buffered } = input
    if (this.#settling > 0) this.#settling--
    if (this.#object === undefined) this.#refuse(notBegun(fault ?? 'unavailable'), out)
    else if (fault === undefined) {
      if (this.#settling > 0) return
      this.#writtenHere = true
      if (buffered !== true && (this.#ownRow || this.#sloppy)) this.#durable.found()
      this.#count(this.#self)
    } else {
      if (fault === 'full') this.#full++
      this.#away(this.#self, nowMs, out)
    }
  }

  #answer(from: string, written: ReplicaWritten, nowMs: number, out: Effect[]): void {
    switch (written.status) {
      case ReplicaStatus.ok:
        // Of a strict write what counts is on owners' disks.
        if (this.#sloppy || this.#tally.standsInFor(from) === undefined) this.#durable.found()
        this.#count(from)
        return
      case ReplicaStatus.buffered:
        this.#count(from)
        return
      case ReplicaStatus.stale:
        out.push({ kind: 'learn', conversation: this.id, from, state: written.state })
        return
      case ReplicaStatus.full:
        this.#full++
        this.#away(from, nowMs, out)
        return
      case ReplicaStatus.unavailable:
        this.#away(from, nowMs, out)
        return
      default:
        this.#durable.fail(from)
        if (this.#tally.standsInFor(from) === undefined) this.#tally.fail(from)
        else this.#away(from, nowMs, out)
    }
  }

  #count(node: string): void {
    if (this.#tally.standsInFor(node) === undefined) this.#tally.count(node)
    else this.#tally.countStandIn(node)
  }

  #conclude(nowMs: number, out: Effect[]): void {
    if (this.#closed) return
    if (!this.#answered && this.#object !== undefined) {
      this.#askAgain(nowMs, out)
      if (this.#tally.enough && this.#durable.isThere) this.#reply(this.#written(this.#object), out)
      else if (this.#tally.hopeless || (this.#tally.settled && this.#durable.isOpen))
        this.#reply(this.#unmet(), out)
    }
    if (this.#answered && this.#tally.settled) this.#close(out)
  }

  #written(object: Uint8Array): Written {
    return {
      status: 'ok',
      context: this.#context(object),
      object: this.#returnObject ? object : undefined,
      fastest: this.#self,
    }
  }

  /** The context of the answer: this write and everything already replaced, never a live version that the given context did not cover. */
  #context(object: Uint8Array): Uint8Array {
    if (this.#actor !== undefined && siblingCount(object) === 1) return objectClock(object)
    const dot = this.#ownDot(object)
    const out = Buffer.allocUnsafe(object.length + 64)
    const length = writtenContext(object, dot.actor, dot.counter, out)
    return out.subarray(0, Math.max(0, length))
  }

  /** The newest dot of our actor is the one just minted; of a repeated operation it is the dot of the sibling that carries it. */
  #ownDot(object: Uint8Array): { actor: Uint8Array; counter: number } {
    let own = { actor: NO_ACTOR as Uint8Array, counter: 0 }
    const operation = this.#task.kind === 'write' ? this.#task.write.operation : NO_ACTOR
    for (const { dot, operation: theirs } of decodeObject(object).siblings) {
      const mine =
        this.#actor !== undefined
          ? Buffer.compare(dot.actor, this.#actor) === 0 && dot.counter > own.counter
          : operation.length > 0 && Buffer.compare(theirs, operation) === 0
      if (mine) own = dot
    }
    return own
  }

  #unmet(): Failure {
    const numbers = {
      needed: this.#tally.needed,
      got: this.#tally.reachable,
      n: this.#placement.owners.length,
    }
    return { status: 'error', code: this.#full > 0 ? 'STORAGE_FULL' : 'QUORUM_UNMET', numbers }
  }

  /** Nothing was begun, and nothing is left to do. */
  #refuse(outcome: Failure, out: Effect[]): void {
    this.#reply(outcome, out)
    this.#close(out)
  }

  #reply(outcome: Written | Failure, out: Effect[]): void {
    this.#answered = true
    out.push({ kind: 'done', conversation: this.id, outcome })
  }

  #close(out: Effect[]): void {
    this.#closed = true
    out.push({ kind: 'close', conversation: this.id })
  }
}

function refusal(code: number): Failure {
  switch (code) {
    case CODES.TOO_MANY_SIBLINGS:
      return { status: 'error', code: 'TOO_MANY_SIBLINGS' }
    case CODES.BAD_CONTEXT:
      return { status: 'error', code: 'BAD_CONTEXT' }
    default:
      return { status: 'error', code: 'INTERNAL', message: `The write could not be applied (code ${code}).` }
  }
}

/** The replica here refused before anything was minted. */
function notBegun(fault: LocalFault): Failure {
  switch (fault) {
    case 'overloaded':
      return { status: 'error', code: 'OVERLOADED' }
    case 'full':
      return {
        status: 'error',
        code: 'STORAGE_FULL',
        message: 'The disk of this node is full; nothing was written.',
      }
    case 'unavailable':
      return {
        status: 'error',
        code: 'NOT_READY',
        message: 'This node cannot write to its disk now; nothing was written.',
      }
  }
}
