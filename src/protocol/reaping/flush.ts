/**
 * A flush: one message to every other member that overtakes nothing, and is answered at once. When all have answered, everything that this
 * node had sent to anybody before has arrived and was taken in, but for requests that will be refused (decision 79). A connection that broke meanwhile has lost what it has lost: what was sent on it
 * arrives no more, because nobody reads it any more once the new one stands.
 */
import type { Effect, Input } from '../effects.js'

export type FlushEffect =
  | Extract<Effect, { kind: 'send' }>
  | { readonly kind: 'flushed'; readonly complete: boolean }

export class Flush {
  readonly id: number
  readonly #deadlineMs: number
  readonly #waiting: Set<string>
  #ended = false

  /** `others`: every member but this node. */
  constructor(id: number, others: readonly string[], deadlineMs: number) {
    this.id = id
    this.#waiting = new Set(others)
    this.#deadlineMs = deadlineMs
  }

  start(out: FlushEffect[]): void {
    if (this.#waiting.size === 0) this.#end(true, out)
    for (const to of this.#waiting)
      out.push({ kind: 'send', conversation: this.id, to, message: { type: 53, id: this.id } })
  }

  step(input: Input, out: FlushEffect[]): void {
    switch (input.kind) {
      case 'answer':
        if (input.message.type !== 54 || !this.#waiting.delete(input.from)) return
        if (this.#waiting.size === 0) this.#end(true, out)
        return
      case 'unsent':
      case 'lost':
      case 'suspected':
        if (this.#waiting.has(input.to)) this.#end(false, out)
        return
      default:
    }
  }

  tick(nowMs: number, out: FlushEffect[]): void {
    if (nowMs >= this.#deadlineMs) this.#end(false, out)
  }

  #end(complete: boolean, out: FlushEffect[]): void {
    if (this.#ended) return
    this.#ended = true
    out.push({ kind: 'flushed', complete })
  }
}
