/**
 * Of one write: is a copy of it on a disk, and who was asked for one? (Paper 6.1: of the N copies one is a durable write.) Each node is asked once
 * under each placement; who holds it in memory only is no durable copy until it has said otherwise.
 */
import type { DurableBy } from '../effects.js'

export class DurableCopy {
  readonly #self: string
  #isThere: boolean
  /** Whose answer is waited for. */
  #waitsFor: string | undefined
  #asked: string[] = []

  /** `self`: this node's own write is one, and is under way. */
  constructor(self: string, by: DurableBy) {
    this.#self = self
    this.#isThere = by === 'nobody'
    if (by === 'self') this.#wait(self)
  }

  get isThere(): boolean {
    return this.#isThere
  }

  /** There is none, and nobody is being waited for. */
  get isOpen(): boolean {
    return !this.#isThere && this.#waitsFor === undefined
  }

  /** The first of these that was not asked yet, if one is to be asked now; it is waited for from now on. */
  ask(able: readonly string[]): string | undefined {
    if (!this.isOpen) return undefined
    const next = able.find((node) => !this.#asked.includes(node))
    if (next !== undefined) this.#wait(next)
    return next
  }

  /** This node answered that its disk has the write. */
  found(): void {
    this.#isThere = true
  }

  /** This node cannot be expected to. */
  fail(node: string): void {
    if (this.#waitsFor === node) this.#waitsFor = undefined
  }

  /** Another table: whoever was asked under the old one may have refused. What this node does itself goes on. */
  place(): void {
    if (this.#waitsFor !== this.#self) this.#waitsFor = undefined
    this.#asked = this.#asked.filter((node) => node === this.#self)
  }

  #wait(node: string): void {
    this.#waitsFor = node
    this.#asked.push(node)
  }
}
