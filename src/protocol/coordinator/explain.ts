/**
 * What each owner of one key holds, and how fast it said so: for a person who asks why a key reads as it does. The next nodes beyond the owners, as
 * many again, are asked what they keep for owners that are away; of them only those that keep something are told of. Repairs nothing.
 */

import type { ReplicaRow } from '../../wire/messages.js'
import { ReplicaStatus } from '../../wire/messages.js'
import type { Effect, Input, Machine, Placement } from '../effects.js'

export interface ReplicaAnswer {
  readonly nodeId: string
  readonly answer: 'ok' | 'missing' | 'unknown' | 'timeout' | 'down' | 'refused'
  readonly tookMs: number | undefined
  readonly reason: string | undefined
  readonly object: Uint8Array | undefined
  readonly incomplete: boolean
  /** It is no owner: what it holds it keeps for one that is away. */
  readonly hint: boolean
}

const NOTHING = new Uint8Array(0)

export class ExplainMachine implements Machine {
  readonly id: number
  readonly deadlineMs: number
  readonly #self: string
  readonly rowKey: Uint8Array
  readonly #placement: Placement
  /** Owners, and the nodes that would stand in for them. */
  readonly #asked: readonly string[]
  readonly #answers = new Map<string, ReplicaAnswer>()
  #startedMs = 0

  constructor(id: number, self: string, rowKey: Uint8Array, placement: Placement, deadlineMs: number) {
    this.id = id
    this.deadlineMs = deadlineMs
    this.#self = self
    this.rowKey = rowKey
    this.#placement = placement
    const { owners, beyond } = placement
    this.#asked = [...owners, ...beyond.slice(0, owners.length)]
  }

  start(nowMs: number, out: Effect[]): void {
    this.#startedMs = nowMs
    const leftMs = Math.max(0, Math.ceil(this.deadlineMs - nowMs))
    const message = {
      type: 3,
      id: this.id,
      leftMs,
      ring: this.#placement.ring,
      rowKey: this.rowKey,
      digest: NOTHING,
    } as const
    for (const node of this.#asked) {
      if (node === this.#self) out.push({ kind: 'read', conversation: this.id, rowKey: this.rowKey })
      else out.push({ kind: 'send', conversation: this.id, to: node, message })
    }
  }

  step(input: Input, nowMs: number, out: Effect[]): void {
    switch (input.kind) {
      case 'row': {
        const answer = input.object !== undefined ? 'ok' : input.known ? 'missing' : 'unknown'
        this.#note({
          nodeId: this.#self,
          answer,
          tookMs: this.#took(nowMs),
          reason: reasonOf(answer),
          object: input.object,
          incomplete: !input.counts,
        })
        break
      }
      case 'answer':
        if (input.message.type !== 4) return
        this.#remote(input.from, input.message, nowMs)
        break
      case 'unsent':
      case 'lost':
        this.#note({
          ...SILENT,
          nodeId: input.to,
          answer: 'down',
          reason: 'there is no connection to it, or it does not answer',
        })
        break
      case 'suspected':
        this.#note({ ...SILENT, nodeId: input.to, answer: 'timeout', reason: 'it does not answer' })
        break
      default:
        return
    }
    if (this.#answers.size === this.#asked.length) this.#finish(out)
  }

  expire(_nowMs: number, out: Effect[]): void {
    for (const nodeId of this.#asked) {
      this.#note({ ...SILENT, nodeId, answer: 'timeout', reason: 'it did not answer before the deadline' })
    }
    this.#finish(out)
  }

  #remote(from: string, row: ReplicaRow, nowMs: number): void {
    const tookMs = this.#took(nowMs)
    const object = row.status === ReplicaStatus.ok ? row.object : undefined
    const answer = answerOf(row.status)
    this.#note({
      nodeId: from,
      answer,
      tookMs,
      reason: reasonOf(answer, row.status),
      object,
      incomplete: row.incomplete,
    })
  }

  #note(answer: Omit<ReplicaAnswer, 'hint'>): void {
    const { nodeId } = answer
    if (this.#answers.has(nodeId) || !this.#asked.includes(nodeId)) return
    this.#answers.set(nodeId, { ...answer, hint: !this.#placement.owners.includes(nodeId) })
  }

  #took(nowMs: number): number {
    return nowMs - this.#startedMs
  }

  #finish(out: Effect[]): void {
    const all = this.#asked.map((node) => this.#answers.get(node)!)
    const outcome = all.filter(({ hint, object }) => !hint || object !== undefined)
    out.push({ kind: 'done', conversation: this.id, outcome }, { kind: 'close', conversation: this.id })
  }
}

const SILENT = { tookMs: undefined, object: undefined, incomplete: false } as const

function answerOf(status: ReplicaStatus): ReplicaAnswer['answer'] {
  if (status === ReplicaStatus.ok || status === ReplicaStatus.same) return 'ok'
  if (status === ReplicaStatus.missing) return 'missing'
  return status === ReplicaStatus.unknown ? 'unknown' : 'refused'
}

function reasonOf(answer: ReplicaAnswer['answer'], status?: ReplicaStatus): string | undefined {
  if (answer === 'unknown') return 'its row cannot be read, or its storage is fenced'
  if (answer !== 'refused') return undefined
  return status === ReplicaStatus.stale
    ? 'it works under another placement table'
    : 'it refused (overloaded or unavailable)'
}
