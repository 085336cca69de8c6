/** Knows when everything that is under way now has come to its end, whatever begins meanwhile. */
export class Drain {
  #epoch = 0
  /** Things under way by the epoch in which they began; epochs without any are not there. */
  readonly #open = new Map<number, number>()
  #waiting: { readonly epoch: number; readonly done: () => void }[] = []

  /** Something begins: what it gives back goes to `leave`. */
  enter(): number {
    this.#open.set(this.#epoch, (this.#open.get(this.#epoch) ?? 0) + 1)
    return this.#epoch
  }

  leave(epoch: number): void {
    const left = (this.#open.get(epoch) ?? 1) - 1
    if (left > 0) this.#open.set(epoch, left)
    else this.#open.delete(epoch)
    if (left > 0 || this.#waiting.length === 0) return
    const oldest = this.#oldest
    const over = this.#waiting.filter((waiting) => waiting.epoch < oldest)
    this.#waiting = this.#waiting.filter((waiting) => waiting.epoch >= oldest)
    for (const { done } of over) done()
  }

  /** `done` when all that began before this call has ended; at once if there is nothing. */
  after(done: () => void): void {
    if (this.#open.size === 0) return done()
    this.#waiting.push({ epoch: this.#epoch, done })
    this.#epoch++
  }

  get #oldest(): number {
    return Math.min(...this.#open.keys())
  }
}
