/**
 * Whoever has the ring split while clients work, as the seed says: once, twice, or twice at the same moment through two nodes that do not know of each other. In
 * some seeds also through a member that is cut off while partitions move, of which it has not heard.
 */
import type { Counters } from './counters.js'
import { Errands } from './errands.js'
import type { SimHost } from './host.js'
import { ask } from './operator.js'
import type { Prng } from './prng.js'
import type { World } from './world.js'

/** Between an act that was refused, or not answered, and the next try. */
const AGAIN_MS = 300
/** Between two looks whether the others move anything. */
const LOOK_MS = 10
/** So long is a member cut off for it, and so often. */
const APART_MS = 8_000
const MOST_TRIES = 6
/** Every tree of every node is held against its disk in the end. */
const MOST_PARTITIONS = 256

/** One that is cut off, those seen with something to hand over meanwhile, and what to do when it is over. */
interface Watched {
  readonly apart: SimHost
  readonly untilMs: number
  readonly givers: Set<SimHost>
  readonly end: (again: boolean) => void
}

export class Splitter {
  readonly #world: World
  readonly #prng: Prng
  readonly #counters: Counters
  readonly #errands: Errands

  constructor(world: World, prng: Prng, counters: Counters) {
    this.#world = world
    this.#prng = prng
    this.#counters = counters
    this.#errands = new Errands(world.timeline, 'splitter')
  }

  start(): void {
    const { splits, splitApart, calmMs } = this.#world.config
    if (splitApart) this.#errands.later(this.#prng.exponential(calmMs), () => this.#partWith(MOST_TRIES))
    if (splits === 0) return
    const isAtOnce = splits > 1 && this.#prng.chance(0.5)
    const atMs = this.#prng.exponential(2 * calmMs)
    for (let number = 0; number < splits; number += 1)
      this.#errands.later(isAtOnce ? atMs : this.#prng.exponential(2 * calmMs), () => this.#split(number))
  }

  stop(): void {
    this.#errands.stop()
  }

  /** Asked of any node; of another one for each split, as far as there are. */
  #split(number: number): void {
    const { hosts } = this.#world
    const host = hosts[(this.#prng.below(hosts.length) + number) % hosts.length]!
    const again = (): void => this.#errands.later(AGAIN_MS, () => this.#split(number))
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

  /** Somebody is cut off, so that it does not hear of what the others begin meanwhile. */
  #partWith(tries: number): void {
    const { config, timeline } = this.#world
    const there = this.#world.up()
    if (tries === 0 || there.length < 2) return
    const apart = this.#prng.pick(there)
    this.#errands.tell(`${apart.name} is cut off until it has split the ring`)
    this.#world.cutOff([apart], true)
    const end = (again: boolean): void => {
      this.#world.cutOff([apart], false)
      if (again) this.#errands.later(this.#prng.exponential(config.calmMs), () => this.#partWith(tries - 1))
    }
    const watched = { apart, untilMs: timeline.nowMs + APART_MS, givers: new Set<SimHost>(), end }
    this.#watch(watched, this.#prng.chance(0.5))
  }

  /** Until the others move something of which this one knows nothing; in half of the cases until one of them has handed over all it had to. */
  #watch(watched: Watched, isPatient: boolean): void {
    const { apart, untilMs, givers, end } = watched
    const { hosts, timeline } = this.#world
    if (apart.state !== 'up' || apart.isStopped || timeline.nowMs > untilMs) return end(true)
    const views = hosts.map((host) => [host, host.state === 'up' ? host.node?.cluster() : undefined] as const)
    for (const [host, view] of views) if (host !== apart && (view?.toHandOver ?? 0) > 0) givers.add(host)
    const isDone = views.some(
      ([host, view]) => givers.has(host) && view?.toHandOver === 0 && view.transfers > 0,
    )
    if (isDone || (givers.size > 0 && !isPatient)) return this.#splitAt(apart, isDone ? 0 : 200, end)
    this.#errands.later(LOOK_MS, () => this.#watch(watched, isPatient))
  }

  #splitAt(apart: SimHost, withinMs: number, end: (again: boolean) => void): void {
    this.#errands.later(withinMs === 0 ? 0 : this.#prng.exponential(withinMs), () => {
      const partitions = 2 * (apart.node?.ring().partitions ?? MOST_PARTITIONS)
      if (apart.state !== 'up' || apart.isStopped || partitions > MOST_PARTITIONS) return end(false)
      ask(this.#world, apart, { kind: 'split', partitions }, (isRecorded) => {
        if (isRecorded) this.#counters.count('split apart from a move')
        end(!isRecorded)
      })
    })
  }
}
