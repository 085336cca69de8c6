/** Whoever gives the cluster another N while clients work: once, or once and then another one. */
import { ERRORS } from '../../src/errors.js'
import type { Counters } from './counters.js'
import { Errands } from './errands.js'
import { ask } from './operator.js'
import type { Prng } from './prng.js'
import type { World } from './world.js'

/** Between an act that was refused, or not answered, and the next try. */
const AGAIN_MS = 400

export class Copier {
  readonly #world: World
  readonly #prng: Prng
  readonly #counters: Counters
  readonly #errands: Errands

  constructor(world: World, prng: Prng, counters: Counters) {
    this.#world = world
    this.#prng = prng
    this.#counters = counters
    this.#errands = new Errands(world.timeline, 'copier')
  }

  start(): void {
    this.#next(this.#world.config.copies)
  }

  stop(): void {
    this.#errands.stop()
  }

  #next(wanted: readonly number[]): void {
    const [copies, ...others] = wanted
    if (copies === undefined) return
    this.#errands.later(this.#prng.exponential(2 * this.#world.config.calmMs), () =>
      this.#ask(copies, others),
    )
  }

  /** Asked of any node, until one has recorded it. */
  #ask(copies: number, others: readonly number[]): void {
    const host = this.#prng.pick(this.#world.hosts)
    const again = (): void => this.#errands.later(AGAIN_MS, () => this.#ask(copies, others))
    if (host.state !== 'up' || host.isStopped) return again()
    ask(this.#world, host, { kind: 'copies', copies }, (isRecorded, code) => {
      if (!isRecorded && code !== 'BAD_PARAM') {
        if (code === undefined || ERRORS[code].mayBeWritten) this.#world.copiesInDoubt.push(copies)
        return again()
      }
      this.#counters.count('change copies')
      this.#world.copiesRecorded.push(copies)
      this.#next(others)
    })
  }
}
