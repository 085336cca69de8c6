/** Knows when everything that is under way now has come to its end, whatever begins meanwhile. */
export class Drain {
  #epoch = 0
  /** Under way, begun in this epoch. */
  #current = 0
  /** Under way by earlier epochs; those without any are not there. */
  readonly #earlier = new Map<number, number>()
  #waiting: { readonly epoch: number; readonly done: () => void }[] = []

  /** Something begins: what it gives back goes to `leave`. */
  enter(): number {
    this.#current++
    return this.#epoch
  }

  leave(epoch: number): void {
    if (epoch === this.#epoch) {
      this.#current--
      return
    }
    const left = (this.#earlier.get(epoch) ?? 1) - 1
    if (left > 0) this.#earlier.set(epoch, left)
    else this.#earlier.delete(epoch)
    if (left === 0) this.#tell()
  }

  /** `done` when all that began before this call has ended; at once if there is nothing. */
  after(done: () => void): void {
    if (this.#current === 0 && this.#earlier.size === 0) return done()
    this.#waiting.push({ epoch: this.#epoch, done })
    if (this.#current > 0) this.#earlier.set(this.#epoch, this.#current)
    this.#current = 0
    this.#epoch++
  }

  #tell(): void {
    const oldest = Math.min(...this.#earlier.keys(), this.#epoch)
    const over = this.#waiting.filter((waiting) => waiting.epoch < oldest)
    this.#waiting = this.#waiting.filter((waiting) => waiting.epoch >= oldest)
    for (const { done } of over) done()
  }
}
