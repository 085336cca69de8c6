/** Whoever lets machines join and leave while clients work, as the seed says. */
import type { ErrorCode } from '../../src/errors.js'
import type { ChangeRequest, ClusterChangeRequest } from '../../src/node/requests.js'
import type { Counters } from './counters.js'
import { Errands } from './errands.js'
import type { SimHost } from './host.js'
import type { Prng } from './prng.js'
import type { World } from './world.js'

/** Between an act that was refused, or not answered, and the next try. */
const AGAIN_MS = 400
const PATIENCE_MS = 4_000

/** A change to ask for; `ask` says until when. */
type Wanted<Request = ChangeRequest | ClusterChangeRequest> = Request extends unknown
  ? Omit<Request, 'deadlineMs'>
  : never

/** Asks a node to record a change. `done` once: whether it did, or the code of its refusal; false as well where no answer comes. */
export function ask(
  world: World,
  host: SimHost,
  change: Wanted,
  done: (isRecorded: boolean, code?: ErrorCode) => void,
): void {
  const { timeline } = world
  const of = 'member' in change ? ` of ${change.member}` : ''
  let isOver = false
  const end = (isRecorded: boolean, code?: ErrorCode): void => {
    if (!isOver) done(isRecorded, code)
    isOver = true
  }
  host.process?.enter(change.kind, () => {
    const request = { ...change, deadlineMs: host.clock.monotonicMs() + PATIENCE_MS }
    host.node?.change(request, (outcome) => {
      const isRecorded = outcome.status === 'ok'
      const said = isRecorded ? 'recorded' : (outcome.message ?? outcome.code)
      timeline.trace.act(timeline.nowMs, `${change.kind}${of}, asked of ${host.name}: ${said}`)
      end(isRecorded, isRecorded ? undefined : outcome.code)
    })
  })
  timeline.after(PATIENCE_MS, 'operator', () => end(false))
}

export class Operator {
  readonly #world: World
  readonly #prng: Prng
  readonly #counters: Counters
  /** Those that were told to leave, whether anybody has recorded it or not. */
  readonly #asked = new Set<SimHost>()
  readonly #errands: Errands

  constructor(world: World, prng: Prng, counters: Counters) {
    this.#world = world
    this.#prng = prng
    this.#counters = counters
    this.#errands = new Errands(world.timeline, 'operator')
  }

  start(): void {
    const { changes, calmMs } = this.#world.config
    for (let number = 0; number < changes; number += 1)
      this.#errands.later(this.#prng.exponential(2 * calmMs), () => this.#act())
  }

  stop(): void {
    this.#errands.stop()
  }

  #act(): void {
    const world = this.#world
    const isStaying = (host: SimHost) =>
      !world.leaving.has(host) && !this.#asked.has(host) && !world.fates.isCondemned(host)
    const staying = world.hosts.filter(isStaying)
    const newcomer = world.reserve.at(0)
    const mayLeave = staying.length > world.n
    if (newcomer !== undefined && (!mayLeave || this.#prng.chance(0.5))) this.#join(newcomer)
    else if (mayLeave) this.#leave(this.#prng.pick(staying))
  }

  #join(host: SimHost): void {
    this.#counters.count('change join')
    this.#errands.tell(`${host.name} is to join`)
    this.#world.enlist(host)
    this.#world.start(host)
  }

  /** Asked of any node, until one has recorded it. */
  #leave(host: SimHost): void {
    const world = this.#world
    this.#asked.add(host)
    if (this.#errands.isOver || world.leaving.has(host) || !world.hosts.includes(host)) return
    if (world.fates.isCondemned(host)) return
    const asked = this.#prng.pick(world.hosts)
    const again = (): void => this.#errands.later(AGAIN_MS, () => this.#leave(host))
    if (asked.node === undefined || asked.state !== 'up' || asked.isStopped) return again()
    // A newcomer may not be in yet, and N is to stay what it is.
    const members = asked.node.cluster().members.filter(({ status }) => status === 'member')
    if (members.length <= world.n) return again()
    this.#errands.tell(`${host.name} is to leave, says ${asked.name}`)
    ask(world, asked, { kind: 'leave', member: host.name }, (isRecorded, code) => {
      // Where nobody knows it any more it has left.
      if (!isRecorded && code !== 'NOT_FOUND') return again()
      this.#counters.count('change leave')
      world.leaving.add(host)
    })
  }
}
