/** Whoever gives the cluster another N while clients work: once, or once and then another one. */
import type { Counters } from './counters.js'
import { ask } from './operator.js'
import type { Prng } from './prng.js'
import type { World } from './world.js'

/** Between an act that was refused, or not answered, and the next try. */
const AGAIN_MS = 400

export class Copier {
  readonly #world: World
  readonly #prng: Prng
  readonly #counters: Counters
  #stopped = false

  constructor(world: World, prng: Prng, counters: Counters) {
    this.#world = world
    this.#prng = prng
    this.#counters = counters
  }

  start(): void {
    this.#next(this.#world.config.copies)
  }

  stop(): void {
    this.#stopped = true
  }

  #next(wanted: readonly number[]): void {
    const [copies, ...others] = wanted
    if (copies === undefined) return
    this.#later(this.#prng.exponential(2 * this.#world.config.calmMs), () => this.#ask(copies, others))
  }

  /** Asked of any node, until one has recorded it. */
  #ask(copies: number, others: readonly number[]): void {
    const host = this.#prng.pick(this.#world.hosts)
    const again = (): void => this.#later(AGAIN_MS, () => this.#ask(copies, others))
    if (host.state !== 'up' || host.isStopped) return again()
    ask(this.#world, host, { kind: 'copies', copies }, (isRecorded, code) => {
      // One that was not answered may have been recorded all the same.
      if (!isRecorded && code !== 'BAD_PARAM') return again()
      this.#counters.count('change copies')
      this.#world.copiesRecorded.push(copies)
      this.#next(others)
    })
  }

  #later(ms: number, act: () => void): void {
    this.#world.timeline.after(ms, 'copier', () => {
      if (!this.#stopped) act()
    })
  }
}
