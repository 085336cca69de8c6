/**
 * One member as far as membership and failure detection go: the real Membership, Keeper, Peers, Watch, Outbox and codecs; no storage but the time that a write
 * takes, and no requests.
 */
import type { StorageGuard } from '../../src/node/guard/index.js'
import { Keeper } from '../../src/node/keeper.js'
import { Outbox } from '../../src/node/outbox.js'
import { Peers } from '../../src/node/peers.js'
import type { Replica } from '../../src/node/replica.js'
import { Watch } from '../../src/node/watch.js'
import type { Hello } from '../../src/ports/network.js'
import { Membership } from '../../src/protocol/membership/membership.js'
import { type ClusterState, factsOf } from '../../src/protocol/membership/state.js'
import { decodeBatch } from '../../src/wire/decode.js'
import type { Message } from '../../src/wire/messages.js'
import { announced, SPEAKS } from '../../src/wire/versions.js'
import type { Prng } from '../../test/sim/prng.js'
import type { Timeline } from '../../test/sim/timeline.js'
import type { Mesh } from './mesh.js'

/** A quiet node looks around so often (src/node/running.ts). */
const TICK_MS = 250
const TURN_MS = 0.2
/** A write with a sync. */
const DISK_LEAST_MS = 1
const DISK_MEAN_MS = 1

const QUIET_LOG = { debug: () => {}, info: () => {}, warn: () => {}, error: () => {} }

export class Member {
  readonly id: string
  readonly membership: Membership
  readonly peers = new Peers()
  readonly counts = { suspicions: 0, probes: 0, pauses: 0 }
  /** Its process does nothing any more; its connections stand. */
  frozen = false
  /** How many members the last news that was written came through, this one included; 0: it is its own. */
  hops = 0
  readonly keeper: Keeper
  readonly #timeline: Timeline
  readonly #prng: Prng
  readonly #watch: Watch
  readonly #outbox: Outbox
  readonly #everybody: ReadonlyMap<string, Member>
  #hearing: Member | undefined
  #woken = false

  constructor(
    id: string,
    state: ClusterState,
    timeline: Timeline,
    mesh: Mesh,
    prng: Prng,
    everybody: ReadonlyMap<string, Member>,
  ) {
    this.id = id
    this.#timeline = timeline
    this.#prng = prng
    this.#everybody = everybody
    this.membership = new Membership(state, factsOf(state, id)!)
    const network = mesh.join(id, (from, _, frame) => this.#frame(from, frame))
    this.#outbox = new Outbox(network, () => {})
    const { membership, peers, counts } = this
    const clock = { monotonicMs: () => timeline.nowMs, wallMs: () => 1 + Math.floor(timeline.nowMs) }
    const tell = (to: string, message: Message) => this.#tell(to, message)
    this.#watch = new Watch(0, {
      ...{ random: prng, log: QUIET_LOG, peers, counts },
      ...{ probe: tell, reply: tell, suspected: () => {} },
    })
    this.keeper = new Keeper({
      ...{ clock, random: prng, log: QUIET_LOG, network, membership, peers, outbox: this.#outbox },
      ...{ scheduler: this.#scheduler(), guard: this.#guard(), replica: EMPTY, speaks: SPEAKS },
      ...{ seeds: [], seedsAfterMs: undefined },
      ...{ wake: () => this.#wake(), adopted: () => {}, confirmed: () => {} },
      fatal: ({ message }) => {
        throw new Error(`${id}: ${message}`)
      },
    })
  }

  /** Connected with all others, and known to them. */
  begin(hellos: readonly Hello[]): void {
    for (const hello of hellos)
      if (hello.nodeId !== this.id) this.peers.connected(hello, this.#timeline.nowMs)
    this.keeper.begin(true, false)
    this.#timeline.after(this.#prng.between(0, TICK_MS), 'tick', () => this.#tick())
  }

  #tick(): void {
    if (!this.frozen) {
      const nowMs = this.#watch.enter(this.#timeline.nowMs)
      this.#watch.tick(nowMs)
      this.keeper.tick(nowMs)
    }
    this.#timeline.after(TICK_MS + this.#prng.exponential(0.3), 'tick', () => this.#tick())
  }

  #frame(from: string, frame: Uint8Array): void {
    if (this.frozen) return
    const nowMs = this.#watch.enter(this.#timeline.nowMs)
    this.peers.heard(from, nowMs)
    this.#hearing = this.#everybody.get(from)
    decodeBatch(frame, (message) => this.#take(from, message, nowMs))
    this.#hearing = undefined
  }

  #take(from: string, message: Message, nowMs: number): void {
    if (message.type === 13) this.#tell(from, { type: 14, id: message.id })
    else if (message.type === 14) {
      this.#watch.pong(from, message.id)
      this.#watch.answered(from, nowMs)
    } else this.keeper.message(from, message)
  }

  #tell(to: string, message: Message): void {
    this.#outbox.post(to, 'control', message)
    this.#wake()
  }

  #wake(): void {
    if (this.#woken) return
    this.#woken = true
    this.#timeline.after(this.#prng.between(0, TURN_MS), 'turn', () => {
      this.#woken = false
      if (!this.frozen) this.#outbox.flush()
    })
  }

  #scheduler() {
    return {
      afterTurn: (run: () => void) => this.#timeline.after(0, 'turn', run),
      after: (delayMs: number, run: () => void) => {
        const event = this.#timeline.after(delayMs, 'timer', run)
        return () => {
          event.run = undefined
        }
      },
    }
  }

  /** All that membership asks of storage: that a state is written before it is adopted. */
  #guard(): StorageGuard {
    const write = (_: unknown, done: () => void): void => {
      const hops = this.#hearing === undefined ? 0 : this.#hearing.hops + 1
      this.#timeline.after(DISK_LEAST_MS + this.#prng.exponential(DISK_MEAN_MS), 'disk', () => {
        this.hops = hops
        done()
      })
    }
    const guard = { write, sharedWithOthers: () => {}, lossRecorded: () => {}, boot: 1 }
    return guard as unknown as StorageGuard
  }
}

const EMPTY = { isEmpty: true } as unknown as Replica

export function helloOf(state: ClusterState, id: string): Hello {
  const { name, peerAddress, boot, incarnation, speaks } = factsOf(state, id)!
  const { clusterId } = state.birth
  return {
    nodeId: id,
    clusterId,
    name,
    peerAddress,
    boot,
    incarnation,
    build: '',
    ...announced(speaks ?? SPEAKS),
  }
}
