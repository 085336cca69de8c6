/**
 * One machine of a seed dies for ever while clients work, and its operator has it removed or replaced. Somebody may switch it on again later, with its old
 * disk. It is the frail one: what only it held is lost, and no other disk of the seed loses anything. In some seeds it is only cut off, by itself or with others,
 * and its operator takes it for dead: it goes on serving clients until it hears that it is no member any more.
 */
import type { ChangeRequest } from '../../src/node/requests.js'
import type { Counters } from './counters.js'
import { Errands } from './errands.js'
import type { SimHost } from './host.js'
import { ask } from './operator.js'
import type { Prng } from './prng.js'
import type { World } from './world.js'

const AGAIN_MS = 400
const LOOK_MS = 300

/** `asks`: the newcomer asks for the place. `waits`: the place is kept for it. */
type Way = 'remove' | 'asks' | 'waits'

export class Undertaker {
  readonly #world: World
  readonly #prng: Prng
  readonly #counters: Counters
  readonly #errands: Errands
  #newcomer: SimHost | undefined
  /** A place may be kept for it. */
  #isAwaited = false

  constructor(world: World, prng: Prng, counters: Counters) {
    this.#world = world
    this.#prng = prng
    this.#counters = counters
    this.#errands = new Errands(world.timeline, 'undertaker')
  }

  start(): void {
    const { death, mistaken, calmMs } = this.#world.config
    if (!death) return
    this.#errands.later(this.#prng.exponential(2 * calmMs), () => (mistaken ? this.#misjudge() : this.#die()))
  }

  /** One that nobody has buried yet was not dead after all; a machine for which a place may be kept comes. */
  stop(): void {
    this.#errands.stop()
    if (this.#isAwaited) this.#letIn()
    this.#world.fates.over()
    this.#world.places.clear()
  }

  #die(): void {
    const world = this.#world
    const host = world.frailHost
    if (!world.hosts.includes(host) || world.leaving.has(host)) return
    const lost = host.crash(this.#prng.chance(0.5))
    // In this mode a machine may acknowledge what it takes with it when its power fails: it said so, and was right then.
    if (lost > 0 && world.config.durability === 'os') host.lostSomethingAtMs = world.timeline.nowMs
    world.fates.dies(host)
    this.#counters.count('machine dead for ever')
    this.#errands.tell(`${host.name} dies for ever`)
    this.#errands.later(this.#prng.between(300, 4_000), () => this.#bury(host))
  }

  #misjudge(): void {
    const world = this.#world
    const host = world.frailHost
    if (!world.hosts.includes(host) || world.leaving.has(host)) return
    const company = world.hosts.filter((other) => other !== host && this.#prng.chance(0.25))
    const apart = [host, ...company.slice(0, world.hosts.length - 2)]
    world.fates.takenForDead(host)
    this.#counters.count('live machine taken for dead')
    this.#errands.tell(`${apart.map(({ name }) => name)} are cut off, and ${host.name} is taken for dead`)
    world.cutOff(apart, true)
    this.#errands.later(this.#prng.between(1_000, 9_000), () => world.cutOff(apart, false))
    this.#errands.later(this.#prng.between(300, 2_000), () => this.#bury(host))
  }

  #bury(host: SimHost): void {
    const world = this.#world
    const staying = world.hosts.filter((one) => one !== host && !world.leaving.has(one))
    this.#newcomer = world.reserve.at(-1)
    const ways: Way[] = [
      ...(staying.length >= world.n ? (['remove'] as const) : []),
      ...(this.#newcomer === undefined ? [] : (['asks', 'waits'] as const)),
    ]
    if (ways.length === 0) return this.stop()
    const way = this.#prng.pick(ways)
    this.#counters.count(`change ${way === 'remove' ? way : 'replace'}`)
    if (way === 'asks') this.#letIn(host.name)
    else this.#record(host, way)
    this.#look(host)
  }

  #letIn(place?: string): void {
    const [world, newcomer] = [this.#world, this.#newcomer!]
    const how = place === undefined ? '' : ` in the place of ${place}`
    this.#errands.tell(`${newcomer.name} is to join${how}`)
    this.#isAwaited = false
    world.enlist(newcomer)
    if (place !== undefined) world.places.set(newcomer, place)
    world.start(newcomer)
  }

  /** Asked of any node, until one has recorded it. */
  #record(host: SimHost, way: 'remove' | 'waits'): void {
    const world = this.#world
    if (!world.fates.isCondemned(host)) return
    const again = (): void => this.#errands.later(AGAIN_MS, () => this.#record(host, way))
    const asked = this.#prng.pick(world.hosts)
    if (asked.node === undefined || asked.state !== 'up' || asked.isStopped) return again()
    const members = asked.node.cluster().members.filter(({ status }) => status === 'member')
    // A newcomer may not be in yet, and N is to stay what it is.
    if (way === 'remove' && members.length <= world.n) return again()
    if (way === 'waits') this.#isAwaited = true
    const member = host.name
    const change: Omit<ChangeRequest, 'deadlineMs'> =
      way === 'remove' ? { kind: 'remove', member } : { kind: 'replace', member, by: this.#newcomer!.name }
    ask(world, asked, change, (isRecorded) => {
      if (!isRecorded) again()
      else if (this.#isAwaited) this.#errands.later(this.#prng.between(1, 3_000), () => this.#letIn())
    })
  }

  #look(host: SimHost): void {
    if (!this.#isOver(host)) return this.#errands.later(LOOK_MS, () => this.#look(host))
    this.#errands.tell(`${host.name} is buried`)
    this.#world.bury(host)
    if (this.#prng.chance(0.6)) this.#errands.later(this.#prng.between(100, 6_000), () => this.#rise(host))
  }

  /** Some node says that it has gone; where it lives, it must have heard that itself. */
  #isOver(host: SimHost): boolean {
    const { hosts, config } = this.#world
    if (config.mistaken) return !hosts.includes(host)
    const isGone = ({ node }: SimHost) =>
      node?.cluster().members.some(({ name, status }) => name === host.name && status === 'removed') === true
    return hosts.some((one) => one !== host && one.state === 'up' && isGone(one))
  }

  #rise(host: SimHost): void {
    this.#errands.tell(`somebody switches ${host.name} on again`)
    this.#counters.count('removed machine returns')
    this.#world.fates.rises(host)
    this.#world.hosts.push(host)
    this.#world.start(host)
  }
}
