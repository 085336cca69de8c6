/**
 * One row cannot be read, or was written over one that could not: it may have held versions that this replica no longer knows. Until it has
 * exchanged with a majority of the other owners it is unknown, or marked incomplete, and does not count towards R; this conversation does that.
 */
import { checkObject, mergeObjects, mergeObjectsBound } from '../../kernel/index.js'
import { ReplicaStatus } from '../../wire/messages.js'
import { quorum } from '../coordinator/quorum.js'
import type { Effect, Input, Machine, Placement } from '../effects.js'

const NOTHING = new Uint8Array(0)

/** Who has to answer: a majority of the other owners, or everybody else who holds rows of the key or is about to. */
export type Asked = 'majority' | 'everybody'

/** The row is complete again; those who had to answer have none; too few could be heard. */
export type Recovered = 'recovered' | 'nowhere' | 'later'

export class RecoverRowMachine implements Machine {
  readonly id: number
  readonly deadlineMs: number
  readonly #self: string
  readonly rowKey: Uint8Array
  readonly #placement: Placement
  readonly #asked: Asked
  #merged: Uint8Array | undefined
  #heard = 0
  #open: number

  constructor(
    id: number,
    self: string,
    rowKey: Uint8Array,
    placement: Placement,
    deadlineMs: number,
    asked: Asked = 'majority',
  ) {
    this.#asked = asked
    this.id = id
    this.deadlineMs = deadlineMs
    this.#self = self
    this.rowKey = rowKey
    this.#placement = placement
    this.#open = this.#others.length
  }

  get #others(): readonly string[] {
    const { owners, holders = owners } = this.#placement
    return (this.#asked === 'everybody' ? holders : owners).filter((owner) => owner !== this.#self)
  }

  start(_nowMs: number, out: Effect[]): void {
    out.push({ kind: 'read', conversation: this.id, rowKey: this.rowKey })
  }

  step(input: Input, nowMs: number, out: Effect[]): void {
    switch (input.kind) {
      case 'row':
        this.#merged = input.object
        this.#ask(nowMs, out)
        break
      case 'answer':
        if (input.message.type !== 4) return
        this.#open--
        if (!input.message.incomplete) this.#take(input.message.status, input.message.object)
        break
      case 'unsent':
      case 'lost':
      case 'suspected':
        this.#open--
        break
      default:
        return
    }
    if (this.#open <= 0) this.#finish(out)
  }

  expire(_nowMs: number, out: Effect[]): void {
    this.#finish(out)
  }

  #ask(nowMs: number, out: Effect[]): void {
    const leftMs = Math.max(0, Math.ceil(this.deadlineMs - nowMs))
    const message = {
      type: 3,
      id: this.id,
      leftMs,
      ring: this.#placement.ring,
      rowKey: this.rowKey,
      digest: NOTHING,
    } as const
    for (const to of this.#others) out.push({ kind: 'send', conversation: this.id, to, message })
  }

  #take(status: ReplicaStatus, object: Uint8Array): void {
    if (status !== ReplicaStatus.ok && status !== ReplicaStatus.missing) return
    if (status === ReplicaStatus.ok && checkObject(object) !== 0) return
    this.#heard++
    if (status === ReplicaStatus.missing) return
    if (this.#merged === undefined) {
      this.#merged = object
      return
    }
    const bytes = Buffer.allocUnsafe(mergeObjectsBound(this.#merged, object))
    const length = mergeObjects(this.#merged, object, bytes)
    if (length > 0) this.#merged = bytes.subarray(0, length)
  }

  /** A `Recovered` as the outcome. */
  #finish(out: Effect[]): void {
    const others = this.#others.length
    const enough = this.#asked === 'everybody' ? others : quorum(others)
    const complete = others === 0 || this.#heard >= enough
    if (complete && this.#merged !== undefined) {
      out.push({
        kind: 'merge',
        conversation: 0,
        rowKey: this.rowKey,
        object: this.#merged,
        completes: true,
      })
    }
    const found = this.#merged === undefined ? 'nowhere' : 'recovered'
    const outcome: Recovered = complete ? found : 'later'
    out.push({ kind: 'done', conversation: this.id, outcome }, { kind: 'close', conversation: this.id })
  }
}
