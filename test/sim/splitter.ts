/** Whoever has the ring split while clients work, as the seed says: once, twice, or twice at the same moment through two nodes that do not know of each other. */
import type { Counters } from './counters.js'
import type { SimHost } from './host.js'
import { ask } from './operator.js'
import type { Prng } from './prng.js'
import type { World } from './world.js'

/** Between an act that was refused, or not answered, and the next try. */
const AGAIN_MS = 300
/** Every tree of every node is held against its disk in the end. */
const MOST_PARTITIONS = 256

export class Splitter {
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
    const { splits, calmMs } = this.#world.config
    if (splits === 0) return
    const isAtOnce = splits > 1 && this.#prng.chance(0.5)
    const atMs = this.#prng.exponential(2 * calmMs)
    for (let number = 0; number < splits; number += 1)
      this.#later(isAtOnce ? atMs : this.#prng.exponential(2 * calmMs), () => this.#split(number))
  }

  stop(): void {
    this.#stopped = true
  }

  /** Asked of any node; of another one for each split, as far as there are. */
  #split(number: number): void {
    const { hosts } = this.#world
    const host = hosts[(this.#prng.below(hosts.length) + number) % hosts.length]!
    const again = (): void => this.#later(AGAIN_MS, () => this.#split(number))
    const now = host.node?.ring().partitions ?? 0
    if (host.state !== 'up' || host.isStopped || now === 0) return again()
    const partitions = now * this.#prng.pick([2, 2, 4])
    if (partitions <= MOST_PARTITIONS) this.#ask(host, partitions, again)
  }

  #ask(host: SimHost, partitions: number, again: () => void): void {
    ask(this.#world, host, { kind: 'split', partitions }, (isRecorded, code) => {
      if (isRecorded) this.#counters.count('change split')
      // Else somebody else's split was heard of meanwhile.
      else if (code !== 'BAD_PARAM') again()
    })
  }

  #later(ms: number, act: () => void): void {
    this.#world.timeline.after(ms, 'splitter', () => {
      if (!this.#stopped) act()
    })
  }
}
