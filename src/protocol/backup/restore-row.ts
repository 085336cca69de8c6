/**
 * One row of a backup on its way into the cluster: its object is given to all who hold the key, each of whom joins it with what it has, and it counts when a
 * quorum of every list in force has it on its disk. Giving it twice changes nothing.
 *
 * It ends with the table under which it was begun. Whoever begins it has looked, in the same turn, whether the key may have been let go of since the backup was taken; under
 * another table that look may have been one at a member that is none any more.
 */
import { ReplicaStatus } from '../../wire/messages.js'
import { QuorumTally, quorum } from '../coordinator/quorum.js'
import type { Effect, Input, Machine, Placement } from '../effects.js'

/** `moved`: another table is in force, and it is to be begun anew. */
export type RowRestored = 'written' | 'moved' | 'failed'

export interface RestoreRowTask {
  readonly id: number
  readonly self: string
  readonly rowKey: Uint8Array
  readonly object: Uint8Array
  readonly placement: Placement
  readonly deadlineMs: number
}

export class RestoreRowMachine implements Machine {
  readonly id: number
  readonly rowKey: Uint8Array
  readonly deadlineMs: number
  readonly #task: RestoreRowTask
  readonly #tally: QuorumTally
  #closed = false

  constructor(task: RestoreRowTask) {
    const { id, rowKey, deadlineMs, placement } = task
    this.id = id
    this.rowKey = rowKey
    this.deadlineMs = deadlineMs
    this.#task = task
    this.#tally = new QuorumTally(placement.owners, quorum(placement.owners.length))
    if (placement.others !== undefined) this.#tally.alsoIn(placement.others, 'quorum')
  }

  start(nowMs: number, out: Effect[]): void {
    const { id, self, rowKey, object, placement, deadlineMs } = this.#task
    const { ring, owners, holders = owners } = placement
    const leftMs = Math.max(0, Math.ceil(deadlineMs - nowMs))
    const message = { type: 1, id, leftMs, ring, rowKey, object, durable: true } as const
    for (const to of holders) {
      if (to === self) out.push({ kind: 'merge', conversation: id, rowKey, object, durable: true })
      else out.push({ kind: 'send', conversation: id, to, message })
    }
  }

  step(input: Input, _nowMs: number, out: Effect[]): void {
    if (this.#closed) return
    switch (input.kind) {
      case 'answer':
        if (input.message.type !== 2) return
        this.#answer(input.from, input.message.status, input.message.state, out)
        break
      case 'settled':
        this.#count(this.#task.self, input.fault === undefined)
        break
      case 'unsent':
      case 'lost':
      case 'suspected':
        this.#tally.fail(input.to)
        break
      case 'placement':
        this.#finish('moved', out)
        return
      default:
        return
    }
    // All are waited for: so no more is begun than all can take.
    if (this.#tally.settled) this.#conclude(out)
  }

  expire(_nowMs: number, out: Effect[]): void {
    this.#conclude(out)
  }

  #answer(from: string, status: ReplicaStatus, state: Uint8Array, out: Effect[]): void {
    if (status !== ReplicaStatus.stale) {
      this.#count(from, status === ReplicaStatus.ok)
      return
    }
    out.push({ kind: 'learn', conversation: 0, from, state })
    this.#finish('moved', out)
  }

  #count(node: string, hasIt: boolean): void {
    if (hasIt) this.#tally.count(node)
    else this.#tally.fail(node)
  }

  #conclude(out: Effect[]): void {
    this.#finish(this.#tally.enough ? 'written' : 'failed', out)
  }

  #finish(outcome: RowRestored, out: Effect[]): void {
    if (this.#closed) return
    this.#closed = true
    out.push({ kind: 'done', conversation: this.id, outcome }, { kind: 'close', conversation: this.id })
  }
}
