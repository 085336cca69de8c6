/** A whole cluster: hosts, wires, and the operator who starts nodes again. */

import type { StartFailure } from '../../src/node/options.js'
import { HintCheck, type HintDisk } from './check/hint-check.js'
import { ownersRead, ReapCheck, type ReapDisk } from './check/reap-check.js'
import { type RowBook, rowNameOf } from './check/row-book.js'
import type { Violations } from './check/violation.js'
import type { Counters } from './counters.js'
import type { SimDisk } from './disk.js'
import type { DiskWatcher } from './engine.js'
import { Fabric, type FabricSizes } from './fabric.js'
import { Fates } from './fates.js'
import { type HostWatcher, type NodeMaker, SimHost } from './host.js'
import type { LogLine } from './node-ports.js'
import type { Prng } from './prng.js'
import { SeveralN } from './several-n.js'
import type { Config } from './swarm.js'
import type { Timeline } from './timeline.js'

/** The last lines of all nodes' logs, for the story of a failing seed. */
const LOG_LINES = 400
/** An operator looks, thinks, and starts the node again. */
const OPERATOR_MS = 1_500
/** So often may a node refuse to start before its directory is given up. */
const PATIENT_STARTS = 6

export class World {
  readonly timeline: Timeline
  readonly config: Config
  readonly fabric: Fabric
  /** Machines whose nodes are members, or are to be. */
  readonly hosts: SimHost[]
  /** Machines that wait to join. */
  readonly reserve: SimHost[]
  /** All there are and ever were. */
  readonly machines: readonly SimHost[]
  /** Those that are on their way out, as far as anybody was told. */
  readonly leaving = new Set<SimHost>()
  readonly fates: Fates
  /** Of newcomers that ask for somebody's place: whose. */
  readonly places = new Map<SimHost, string>()
  /** Of machines that are not told the addresses of all others: whose they are told. */
  readonly seeds = new Map<SimHost, readonly SimHost[]>()
  /** The one host whose disk may lose what was durable; others may not, or A1 could not be asked for. */
  readonly frailHost: SimHost
  /** Each N that the cluster has in its time. */
  readonly several: SeveralN
  /** Those that were recorded while clients worked. */
  readonly copiesRecorded: number[] = []
  /** Those of which nobody was told whether they were. */
  readonly copiesInDoubt: number[] = []
  readonly logLines: LogLine[] = []
  readonly reaping: ReapCheck
  /** The process on this host has ended otherwise than by a stop that wrote everything out: what was in its memory is gone. */
  onMemoryLost: (host: SimHost) => void = () => {}
  readonly #violations: Violations
  readonly #counters: Counters
  readonly #failedStarts = new Map<string, number>()
  #founded = false
  /** Some node goes by another ring than the one that was there when the cluster had formed. */
  #hasChanged = false
  #tended = true
  #sound = false

  constructor(
    config: Config,
    timeline: Timeline,
    prng: Prng,
    make: NodeMaker,
    book: RowBook,
    violations: Violations,
    counters: Counters,
  ) {
    this.config = config
    const mostNodes = (n: number): number => Math.min(n, config.nodes)
    this.several = new SeveralN([config.n, ...config.copies].map(mostNodes))
    this.timeline = timeline
    this.#violations = violations
    this.#counters = counters
    this.reaping = new ReapCheck(
      book,
      violations,
      () => this.machines.map((host) => this.#reapDisk(host)),
      () => timeline.nowMs,
    )
    book.onShed = (node, engineKey, key, gone) => this.reaping.shed(node, engineKey, key, gone)
    this.fabric = new Fabric(timeline, prng.split('network'), fabricSizes(config))
    const watcher = this.#watcher(book)
    const hosts: SimHost[] = []
    for (let number = 1; number <= config.nodes + config.changes + (config.death ? 1 : 0); number += 1) {
      const name = `n${number}`
      const identity = { name, address: `${name}:7400`, peerAddress: `${name}:7500` }
      hosts.push(new SimHost(identity, this.fabric, prng.split(`host ${name}`), watcher, make))
    }
    this.machines = hosts
    this.hosts = hosts.slice(0, config.nodes)
    this.reserve = hosts.slice(config.nodes)
    this.fates = new Fates(
      () => this.hosts,
      () => timeline.nowMs,
    )
    this.frailHost = prng.split('frail').pick(this.hosts)
  }

  /** Starts a host as its operator would: the first one founds the cluster, the others join through any of the rest. */
  start(host: SimHost): void {
    if (host.state !== 'off' || this.fates.isDead(host)) return
    // A founder that died before it was up may have founded nothing; if it did, it comes back as itself.
    const founds = host === this.hosts[0] && !this.#founded
    const isNewcomer = this.isNewcomer(host)
    if (isNewcomer) this.fates.beginsAnew(host)
    const told = isNewcomer ? undefined : this.seeds.get(host)
    const seeds = told ?? this.hosts.filter((other) => other !== host)
    const others = seeds.map((other) => other.identity.peerAddress)
    host.start(founds ? [] : others, this.places.get(host))
  }

  /** A node that is started there joins; it does not come back. */
  isNewcomer(host: SimHost): boolean {
    return isNobodys(host.disk)
  }

  /** It is no member any more, and nobody waits for it. */
  bury(host: SimHost): void {
    this.fates.buried(host)
    if (this.hosts.includes(host)) this.hosts.splice(this.hosts.indexOf(host), 1)
  }

  /** A machine of the reserve is to become a member. */
  enlist(host: SimHost): void {
    this.reserve.splice(this.reserve.indexOf(host), 1)
    this.hosts.push(host)
  }

  startLater(host: SimHost, delayMs: number): void {
    this.timeline.after(delayMs, `start ${host.name}`, () => {
      if (this.#tended && this.hosts.includes(host)) this.start(host)
    })
  }

  up(): SimHost[] {
    return this.hosts.filter((host) => host.state === 'up' && !host.isStopped)
  }

  /** The cluster has formed: directories hold data from now on, and nobody founds another one, nor gives one up for what was wrong before. */
  formed(): void {
    this.#founded = true
    this.#failedStarts.clear()
  }

  /** True when every node is up, ready, complete, and sees all the others as members. */
  isWhole(): boolean {
    return this.hosts.every((host) => {
      const node = host.state === 'up' && !host.isStopped ? host.node : undefined
      if (node === undefined || !node.health().ready) return false
      const { members, transfers } = node.cluster()
      const present = members.filter((member) => member.status !== 'removed')
      const isSettled = transfers === 0 && present.every((member) => member.status === 'member')
      return isSettled && present.length === this.hosts.length && present.every((one) => !one.incomplete)
    })
  }

  /** Why it is not whole, in words. */
  complaint(): string {
    const complaints = this.hosts.flatMap((host) => {
      const node = host.state === 'up' ? host.node : undefined
      if (node === undefined) return [`${host.name} is ${host.state}`]
      const { ready, reasons } = node.health()
      if (!ready) return [`${host.name} is not ready: ${reasons.join(', ')}`]
      const { transfers, toHandOver } = node.cluster()
      if (transfers > 0) return [`${host.name} sees ${transfers} transfers, ${toHandOver} its own`]
      const members = node.cluster().members.filter((member) => member.status !== 'removed')
      const unsettled = members.filter((member) => member.status !== 'member')
      if (unsettled.length > 0)
        return [`${host.name} sees ${unsettled.map(({ name, status }) => `${name} ${status}`).join(', ')}`]
      if (members.length !== this.hosts.length) return [`${host.name} sees ${members.length} members`]
      const incomplete = members.filter((member) => member.incomplete).map((member) => member.name)
      return incomplete.length === 0 ? [] : [`${host.name} takes ${incomplete.join(', ')} for incomplete`]
    })
    return complaints.join('; ')
  }

  /** What the host's disk keeps of this key in the durability mode in force, whatever happens to its power. */
  durable(host: SimHost, engineKey: string): Uint8Array | undefined {
    return this.config.durability === 'os' ? host.disk.get(engineKey) : host.disk.durable(engineKey)
  }

  /** The largest, where there are several. */
  get n(): number {
    return this.several.most
  }

  /**
   * On how many disks a write has to be for `w` owners to hold it, whichever they are. While a key moves several lists of N count (decision 44), and who is in
   * them only the nodes know: of all members so many have the write that of any N at least `w` do.
   */
  rowsFor(w: number): number {
    return this.#hasChanged ? this.several.rowsFor(w, this.everMembers) : w
  }

  /** How many machines are members, were, or are to be. */
  get everMembers(): number {
    return this.machines.length - this.reserve.length
  }

  /** Adds up what the nodes have counted in their present lives. */
  measure(): void {
    this.#counters.count('damaged frames', this.fabric.damagedFrames)
    for (const host of this.machines) {
      for (const [name, count] of host.node?.measurements() ?? []) {
        if (name.includes('_total')) this.#counters.count(name, count)
      }
    }
  }

  /**
   * A read at `r` may be shown what is old, for one of two reasons that docs/guarantees.md names: a node runs on an older copy of its directory, without a member to tell
   * it so; or one was removed while it lives, has not heard of it, and less than a quorum is asked.
   */
  mayShowOld(r: number): boolean {
    if (2 * r <= this.n && this.fates.someoneMayNotKnow) return true
    return this.machines.some((host) => host.state !== 'off' && host.mayShowOldCopy)
  }

  /** Those are cut off from all other machines, both ways, or are not any more. */
  cutOff(apart: readonly SimHost[], isCut: boolean): void {
    for (const host of this.machines) {
      if (apart.includes(host)) continue
      for (const one of apart) {
        this.fabric.setCut(host.identity.peerAddress, one.identity.peerAddress, isCut)
        this.fabric.setCut(one.identity.peerAddress, host.identity.peerAddress, isCut)
      }
    }
  }

  /** Everything that is wrong with wires, disks, clocks and processes ends. */
  heal(prng: Prng): void {
    this.fabric.healAll()
    for (const host of this.hosts) {
      host.disk.full = false
      host.disk.ioErrors = 0
      host.disk.slowMs = 0
      host.disk.slowSyncMs = 0
      host.disk.lateReadMs = 0
      host.clock.setRate(1)
      host.clock.lateMs = 0
      if (host.isStopped) host.resume()
      if (host.state === 'off') this.startLater(host, prng.between(1, 3_000))
    }
  }

  /** From now on there is no excuse for a node that does not start. */
  faultsAreOver(): void {
    this.#sound = true
  }

  /** Nobody is started any more. */
  leaveAlone(): void {
    this.#tended = false
  }

  #watcher(book: RowBook): HostWatcher {
    const disks = (): HintDisk[] => this.machines.map((host) => this.#hintDisk(host))
    const hints = new HintCheck(book, this.#violations, disks, this.several.least, () => this.timeline.nowMs)
    return {
      log: (line) => this.#log(line),
      ended: (host, failure) => this.#ended(host, failure),
      crashed: (host, reason) => this.#violations.add('crash', `${host.name}: ${reason}`),
      memoryLost: (host) => this.onMemoryLost(host),
      disk: (host) => watchDisk(host, book, hints, this.reaping),
    }
  }

  #reapDisk(host: SimHost): ReapDisk {
    const { name, disk, lostSomethingAtMs } = host
    const hasLost = lostSomethingAtMs > Number.NEGATIVE_INFINITY
    return {
      name,
      copies: (engineKey) => Math.min(this.n, ownersAt(host, engineKey) ?? this.several.least),
      lostSomething: hasLost,
      goneSinceMs: this.fates.goneSinceMs(host),
      mayHaveLost: (engineKey) => disk.damaged.has(engineKey) || (hasLost && this.#hasChanged),
      get: (engineKey) => (disk.damaged.has(engineKey) ? undefined : disk.get(engineKey)),
    }
  }

  #hintDisk(host: SimHost): HintDisk {
    return {
      name: host.name,
      nodeId: host.node?.cluster().self,
      lostSomethingAtMs: host.lostSomethingAtMs,
      durable: (engineKey) => this.durable(host, engineKey),
    }
  }

  #log(line: LogLine): void {
    this.timeline.trace.text(`${line.node} ${line.event}`)
    this.timeline.trace.detail(
      line.timeMs,
      () => `${line.node} ${line.level} ${line.event} ${JSON.stringify(line.fields ?? {})}`,
    )
    this.#counters.count(`log ${line.event}`)
    this.#suspicious(line)
    const host = this.machines.find(({ name }) => name === line.node)
    if (line.event === 'identity-confirmed') host?.recognised()
    if (line.event === 'storage-buffer-lost' && host !== undefined) this.onMemoryLost(host)
    if (line.event === 'ring-changed' && this.#founded) this.#hasChanged = true
    this.logLines.push(line)
    if (this.logLines.length > 2 * LOG_LINES) this.logLines.splice(0, LOG_LINES)
  }

  /** What a sound node never has to say in a world without damaged frames. */
  #suspicious(line: LogLine): void {
    if (line.event === 'bug' || line.event === 'bad-frame')
      this.#violations.add('crash', `${line.node} logged '${line.event}': ${JSON.stringify(line.fields)}`)
  }

  /** A node that refuses to start is started again; in the end, only where losing it is allowed, its directory is set aside. */
  #ended(host: SimHost, failure: StartFailure): void {
    if (failure.kind === 'left') {
      this.timeline.trace.act(this.timeline.nowMs, `${host.name} has left`)
      this.leaving.delete(host)
      this.hosts.splice(this.hosts.indexOf(host), 1)
      return
    }
    this.timeline.trace.act(this.timeline.nowMs, `${host.name} gave up (${failure.kind}): ${failure.message}`)
    if (failure.kind === 'removed' && host === this.frailHost) return this.bury(host)
    // A disk that is full now is no fault of the node.
    const counts = (this.#sound || !this.#founded) && !host.disk.full
    const starts = (this.#failedStarts.get(host.name) ?? 0) + (counts ? 1 : 0)
    this.#failedStarts.set(host.name, starts)
    const isFounder = !this.#founded && host === this.hosts[0]
    if (host.disk.isEmpty || isFounder || !this.#isGivenUp(failure, starts))
      this.startLater(host, OPERATOR_MS)
    else if (host === this.frailHost || !this.#founded || this.config.unbudgeted) this.setAside(host)
    else
      this.#violations.add('crash', `${host.name} does not start on its own sound disk: ${failure.message}`)
  }

  #isGivenUp(failure: StartFailure, starts: number): boolean {
    return starts >= PATIENT_STARTS || failure.kind === 'superseded'
  }

  /** The operator puts the directory away and starts the node on an empty one. */
  setAside(host: SimHost): void {
    this.timeline.trace.act(this.timeline.nowMs, `the operator sets ${host.name}'s directory aside`)
    host.disk.wipe()
    host.recognised()
    host.lostSomethingAtMs = this.timeline.nowMs
    this.#failedStarts.delete(host.name)
    this.startLater(host, OPERATOR_MS)
  }
}

/** Another machine's directory, as good as an empty one: a power cut may have taken also who it belonged to. A node that starts there is a newcomer. */
function isNobodys(disk: SimDisk): boolean {
  const isKnown = disk.get('sidentity') !== undefined && disk.get('smembership') !== undefined
  return !isKnown && !disk.keys().some((key) => key.startsWith('d'))
}

function ownersAt({ node }: SimHost, engineKey: string): number | undefined {
  return node === undefined ? undefined : ownersRead(node.ring(), engineKey)
}

function watchDisk(host: SimHost, book: RowBook, hints: HintCheck, reaping: ReapCheck): DiskWatcher {
  return {
    written: (changes, before) => {
      hints.written(host.name, changes, before)
      // One batch may let go of a row and hold the next one of the same key.
      const within = new Map<string, Uint8Array | undefined>()
      changes.forEach((change, index) => {
        const row = within.has(change.key) ? within.get(change.key) : before[index]
        within.set(change.key, change.value)
        book.written(host.name, change.key, row, change.value)
        const name = rowNameOf(change.key)
        if (name === undefined) return
        if (row === undefined && change.value !== undefined)
          reaping.appeared(host.name, host.ups, change.key, name.key, change.value)
        else if (row !== undefined && change.value === undefined)
          reaping.dropped(host.name, host.ups, change.key, name.key, row)
      })
    },
  }
}

function fabricSizes(config: Config): FabricSizes {
  const harsh = config.faults.has('harsh-network')
  return {
    manners: {
      minMs: config.linkMs / 4,
      meanMs: config.linkMs,
      dropChance: harsh ? 0.03 : 0,
      repeatChance: harsh ? 0.05 : 0,
      overtakeChance: harsh ? 0.1 : 0,
    },
    patienceMs: 6_000,
    dataWindowBytes: config.dataWindowBytes,
    controlWindowBytes: 4 * 1024 * 1024,
  }
}
