/**
 * All machines of a seed are switched off, get other addresses, and come up as two islands: those of each know the new addresses of each other and no others. Somebody
 * gives one of them seeds of both, and everything must be one cluster again.
 */
import type { Counters } from './counters.js'
import { Errands } from './errands.js'
import type { Prng } from './prng.js'
import type { World } from './world.js'

export class Mover {
  readonly #world: World
  readonly #prng: Prng
  readonly #counters: Counters
  readonly #errands: Errands
  #areApart = false

  constructor(world: World, prng: Prng, counters: Counters) {
    this.#world = world
    this.#prng = prng
    this.#counters = counters
    this.#errands = new Errands(world.timeline, 'mover')
  }

  start(): void {
    const { islands, calmMs } = this.#world.config
    if (islands) this.#errands.later(this.#prng.exponential(2 * calmMs), () => this.#move())
  }

  /** Whoever is apart still is brought together. */
  stop(): void {
    this.#errands.stop()
    if (this.#areApart) this.#bridge()
  }

  #move(): void {
    const world = this.#world
    const moving = this.#prng.shuffled(world.hosts.filter((host) => !world.fates.isDead(host)))
    if (moving.length < 2) return
    const border = this.#prng.whole(1, moving.length - 1)
    const islands = [moving.slice(0, border), moving.slice(border)]
    const named = islands.map((island) => island.map(({ name }) => name).join(' '))
    this.#errands.tell(`all machines get other addresses, and come up as two islands: ${named.join(' and ')}`)
    this.#counters.count('islands')
    for (const host of moving) {
      host.crash(this.#prng.chance(0.3) && world.config.durability === 'fsync')
      host.move()
    }
    for (const island of islands) {
      for (const host of island) {
        world.seeds.set(
          host,
          island.filter((other) => other !== host),
        )
        world.startLater(host, this.#prng.between(1, 1_500))
      }
    }
    this.#areApart = true
    this.#errands.later(this.#prng.between(500, 8_000), () => this.#bridge())
  }

  /** All are told all addresses, for their next start; and one is started again at once, a member with a disk that keeps what it holds. */
  #bridge(): void {
    const { hosts, frailHost, seeds } = this.#world
    const moved = hosts.filter((one) => seeds.has(one) && !this.#world.isNewcomer(one))
    const sound = moved.filter((one) => one !== frailHost)
    seeds.clear()
    this.#areApart = false
    if (moved.length === 0) return
    const host = this.#prng.pick(sound.length > 0 ? sound : moved)
    this.#errands.tell(`${host.name} is given addresses of both islands`)
    if (host.state !== 'off') host.crash(false)
    this.#world.startLater(host, this.#prng.between(1, 1_000))
  }
}
