/**
 * A delete: read at quorum, then write a tombstone over what is to go.
 *
 * Without a context it removes what the read sees now. With one it removes what that context has seen. Where nothing that it
 * would remove is live, it mints nothing; but it still makes sure that W nodes hold the state in which it is gone: answering from one
 * surviving tombstone, which may die with its node, would let an acknowledged delete be undone.
 */
import type { Failure } from '../../errors.js'
import { coversContext, liveCount, liveCovered, objectClock } from '../../kernel/index.js'
import type { DurableBy, Effect, Input, Machine, Placement, WriteFields } from '../effects.js'
import type { QuorumChoice } from './quorum.js'
import type { Found } from './read.js'
import { ReadMachine } from './read.js'
import type { WriteTask } from './write.js'
import { WriteMachine } from './write.js'

const NOTHING = new Uint8Array(0)

export interface DeleteRequest {
  readonly id: number
  readonly self: string
  readonly rowKey: Uint8Array
  readonly write: WriteFields
  /** undefined = whatever the read sees. */
  readonly context: Uint8Array | undefined
  readonly r: number
  readonly w: number
  /** What R and W came from; absent: these numbers. */
  readonly readChoice?: QuorumChoice | undefined
  readonly choice?: QuorumChoice | undefined
  readonly sloppy: boolean
  readonly durableBy: DurableBy
  readonly placement: Placement
  readonly returnObject: boolean
  readonly deadlineMs: number
}

export class DeleteMachine implements Machine {
  readonly id: number
  readonly deadlineMs: number
  readonly rowKey: Uint8Array
  readonly #request: DeleteRequest
  #placement: Placement
  #read: ReadMachine | undefined
  #write: WriteMachine | undefined
  #readOpen = true

  constructor(request: DeleteRequest) {
    this.id = request.id
    this.rowKey = request.rowKey
    this.deadlineMs = request.deadlineMs
    this.#request = request
    this.#placement = request.placement
  }

  get lateMs(): number {
    return (this.#readOpen ? this.#read?.lateMs : undefined) ?? Number.POSITIVE_INFINITY
  }

  start(nowMs: number, out: Effect[]): void {
    const { r: needed, readChoice: choice } = this.#request
    this.#read = new ReadMachine({ ...this.#request, needed, choice, placement: this.#placement })
    this.#read.start(nowMs, out)
  }

  step(input: Input, nowMs: number, out: Effect[]): void {
    if (input.kind === 'placement') this.#placement = input.placement
    if (this.#readOpen) this.#relay(nowMs, out, (own) => this.#read?.step(input, nowMs, own))
    this.#write?.step(input, nowMs, out)
  }

  expire(nowMs: number, out: Effect[]): void {
    if (this.#write === undefined) this.#relay(nowMs, out, (own) => this.#read?.expire(nowMs, own))
    else this.#write.expire(nowMs, out)
  }

  /** The read's effects pass through, but for its answer, which starts the write, and its end, which is not ours. */
  #relay(nowMs: number, out: Effect[], run: (own: Effect[]) => void): void {
    const own: Effect[] = []
    run(own)
    for (const effect of own) {
      if (effect.kind === 'close') this.#readOpen = false
      else if (effect.kind === 'done') this.#decide(effect.outcome as Found | Failure, nowMs, out)
      else out.push(effect)
    }
  }

  #decide(outcome: Found | Failure, nowMs: number, out: Effect[]): void {
    if (outcome.status === 'error') {
      out.push({ kind: 'done', conversation: this.id, outcome }, { kind: 'close', conversation: this.id })
      return
    }
    const task = this.#task(outcome.object)
    if (task === undefined) {
      const nothing = {
        status: 'ok',
        context: NOTHING,
        object: undefined,
        fastest: this.#request.self,
      } as const
      out.push(
        { kind: 'done', conversation: this.id, outcome: nothing },
        { kind: 'close', conversation: this.id },
      )
      return
    }
    const { w: needed } = this.#request
    this.#write = new WriteMachine({ ...this.#request, task, needed, placement: this.#placement })
    this.#write.start(nowMs, out)
  }

  #task(object: Uint8Array | undefined): WriteTask | undefined {
    const { write, context } = this.#request
    if (object === undefined) return context === undefined ? undefined : { kind: 'write', write, context }
    const removes = context === undefined ? liveCount(object) > 0 : this.#removes(object, context)
    if (!removes) return { kind: 'keep', object }
    return { kind: 'write', write, context: context ?? objectClock(object) }
  }

  /** A context that knows more than the replicas asked must be recorded: what it saw may still be somewhere. */
  #removes(object: Uint8Array, context: Uint8Array): boolean {
    return liveCovered(object, context) > 0 || coversContext(object, context) !== 1
  }
}
