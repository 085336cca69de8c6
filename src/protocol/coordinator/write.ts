/**
 * A put, or the last part of a delete (paper 4.5): mint the dot and merge here, make it durable here, and in parallel send the merged
 * object to the other owners; success when W distinct nodes hold it durably.
 *
 * Sending before it is durable here is safe: should this node crash and lose the row, it comes back with a new
 * incarnation and never mints that dot again. One client write is one dot: whatever happens later, this machine applies once.
 *
 * With `object` instead of a write it makes an already merged state durable on W nodes without minting anything (a delete that
 * finds nothing live must not acknowledge a tombstone that only one node holds).
 */
import type { Failure } from '../../errors.js'
import { CODES, decodeObject, objectClock, siblingCount, writtenContext } from '../../kernel/index.js'
import type { ReplicaWritten } from '../../wire/messages.js'
import { ReplicaStatus } from '../../wire/messages.js'
import type { Effect, Input, LocalFault, Machine, Placement, WriteFields } from '../effects.js'
import { QuorumTally } from './quorum.js'
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

const NO_ACTOR = new Uint8Array(14)

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
  #full = 0
  #closed = false

  constructor(
    id: number,
    self: string,
    rowKey: Uint8Array,
    task: WriteTask,
    needed: number,
    placement: Placement,
    returnObject: boolean,
    deadlineMs: number,
  ) {
    this.id = id
    this.deadlineMs = deadlineMs
    this.#self = self
    this.rowKey = rowKey
    this.#task = task
    this.#placement = placement
    this.#returnObject = returnObject
    this.#tally = new QuorumTally(placement.owners, needed)
  }

  start(nowMs: number, out: Effect[]): void {
    const { id, deadlineMs } = this
    if (nowMs >= deadlineMs) {
      this.#finish(out, timedOut(this.#tally, this.#placement.owners.length))
    } else if (this.#task.kind === 'write') {
      out.push({
        kind: 'write',
        conversation: id,
        rowKey: this.rowKey,
        write: this.#task.write,
        context: this.#task.context,
      })
    } else {
      this.#object = this.#task.object
      out.push({ kind: 'merge', conversation: id, rowKey: this.rowKey, object: this.#task.object })
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
        this.#settled(input.fault, out)
        break
      case 'answer':
        if (input.message.type !== 2) return
        this.#answer(input.from, input.message, out)
        break
      case 'unsent':
      case 'lost':
      case 'suspected':
        this.#tally.fail(input.to)
        break
      case 'placement':
        this.#placement = input.placement
        this.#tally.place(input.placement.owners)
        if (this.#object !== undefined) this.#replicate(nowMs, out)
        break
      default:
        return
    }
    this.#conclude(out)
  }

  expire(_nowMs: number, out: Effect[]): void {
    this.#finish(out, timedOut(this.#tally, this.#placement.owners.length))
  }

  #applied(applied: Input & { kind: 'applied' }, nowMs: number, out: Effect[]): void {
    if (applied.code < 0 && applied.code !== CODES.ALREADY) {
      this.#finish(out, refusal(applied.code))
      return
    }
    this.#object = applied.object
    this.#actor = applied.code === CODES.ALREADY ? undefined : applied.actor
    this.#replicate(nowMs, out)
  }

  #replicate(nowMs: number, out: Effect[]): void {
    const message = {
      type: 1,
      id: this.id,
      leftMs: Math.max(0, Math.ceil(this.deadlineMs - nowMs)),
      ring: this.#placement.ring,
      rowKey: this.rowKey,
      object: this.#object!,
    } as const
    for (const owner of this.#placement.owners) {
      if (owner === this.#self || !this.#tally.isOpen(owner)) continue
      out.push({ kind: 'send', conversation: this.id, to: owner, message })
    }
  }

  #settled(fault: LocalFault | undefined, out: Effect[]): void {
    if (this.#object === undefined) this.#finish(out, notBegun(fault ?? 'unavailable'))
    else if (fault === undefined) this.#tally.count(this.#self)
    else {
      if (fault === 'full') this.#full++
      this.#tally.fail(this.#self)
    }
  }

  #answer(from: string, written: ReplicaWritten, out: Effect[]): void {
    if (written.status === ReplicaStatus.ok) this.#tally.count(from)
    else if (written.status === ReplicaStatus.stale) {
      out.push({ kind: 'learn', conversation: this.id, from, state: written.state })
    } else {
      if (written.status === ReplicaStatus.full) this.#full++
      this.#tally.fail(from)
    }
  }

  #conclude(out: Effect[]): void {
    if (this.#closed) return
    if (this.#tally.enough && this.#object !== undefined) this.#finish(out, this.#written(this.#object))
    else if (this.#tally.hopeless) this.#finish(out, this.#unmet())
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
    const numbers = { needed: this.#tally.needed, got: this.#tally.got, n: this.#placement.owners.length }
    return { status: 'error', code: this.#full > 0 ? 'STORAGE_FULL' : 'QUORUM_UNMET', numbers }
  }

  #finish(out: Effect[], outcome: Written | Failure): void {
    this.#closed = true
    out.push({ kind: 'done', conversation: this.id, outcome })
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
        message: 'Storage of this node is fenced; nothing was written.',
      }
  }
}
