/**
 * Lets calls through while the engine is open, counts those under way, and holds a close back until the last has ended. The
 * native engine ends the process when it is called after its close, so every engine stands behind one of these.
 */
export class Gate {
  #open = false
  #underWay = 0
  #whenIdle: (() => void) | undefined

  get isOpen(): boolean {
    return this.#open
  }

  open(): void {
    this.#open = true
  }

  /** True: the call may begin and must end with one `leave`. False: closed. */
  enter(): boolean {
    if (this.#open) this.#underWay++
    return this.#open
  }

  leave(): void {
    this.#underWay--
    if (this.#underWay > 0 || this.#whenIdle === undefined) return
    const whenIdle = this.#whenIdle
    this.#whenIdle = undefined
    whenIdle()
  }

  /** Lets nothing more in; `whenIdle` runs once, when nothing is under way (at once if nothing is now). */
  shut(whenIdle: () => void): void {
    this.#open = false
    if (this.#underWay === 0) whenIdle()
    else this.#whenIdle = whenIdle
  }
}
