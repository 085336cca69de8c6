/** Whoever gives members other weights and zones while clients work, sometimes two at once through nodes that do not know of each other's. */
import type { ChangeRequest } from '../../src/node/requests.js'
import type { Counters } from './counters.js'
import { Errands } from './errands.js'
import type { SimHost } from './host.js'
import { ask } from './operator.js'
import type { Prng } from './prng.js'
import type { World } from './world.js'

const AGAIN_MS = 400

export class Reshaper {
  readonly #world: World
  readonly #prng: Prng
  readonly #counters: Counters
  readonly #errands: Errands

  constructor(world: World, prng: Prng, counters: Counters) {
    this.#world = world
    this.#prng = prng
    this.#counters = counters
    this.#errands = new Errands(world.timeline, 'reshaper')
  }

  start(): void {
    const { reshapes, calmMs } = this.#world.config
    for (let number = 0; number < reshapes; number += 1)
      this.#errands.later(this.#prng.exponential(3 * calmMs), () => this.#act())
  }

  stop(): void {
    this.#errands.stop()
  }

  #act(): void {
    const asked = this.#prng.shuffled(this.#world.hosts).slice(0, this.#prng.chance(0.4) ? 2 : 1)
    for (const host of asked) this.#reshape(host, this.#change())
  }

  #change(): Omit<ChangeRequest, 'deadlineMs'> {
    const member = this.#prng.pick(this.#world.hosts).name
    if (this.#prng.chance(0.6)) return { kind: 'weight', member, weight: this.#prng.pick([0.5, 1, 2, 3]) }
    return { kind: 'zone', member, zone: this.#prng.pick(['a', 'b']) }
  }

  #reshape(host: SimHost, change: Omit<ChangeRequest, 'deadlineMs'>): void {
    const { hosts } = this.#world
    const again = (): void =>
      this.#errands.later(AGAIN_MS, () => {
        if (this.#world.hosts.length > 0) this.#reshape(this.#prng.pick(this.#world.hosts), change)
      })
    if (!hosts.includes(host) || host.node === undefined || host.state !== 'up' || host.isStopped)
      return again()
    this.#errands.tell(`${change.member} gets another ${change.kind}, says ${host.name}`)
    ask(this.#world, host, change, (isRecorded, code) => {
      if (isRecorded) this.#counters.count(`change ${change.kind}`)
      else if (code !== 'BAD_PARAM' && code !== 'NOT_FOUND') again()
    })
  }
}
