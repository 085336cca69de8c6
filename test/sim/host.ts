/** One machine: a disk, clocks and an address that outlive every process, and the process that runs a node on them now. */
import type { NodePorts, StartFailure } from '../../src/node/options.js'
import type { Database } from '../../src/node/requests.js'
import { type DiskImage, SimDisk } from './disk.js'
import { type DiskWatcher, SimEngine } from './engine.js'
import type { Fabric } from './fabric.js'
import { SimNetwork } from './network.js'
import { type LogLine, SimClock, SimLog, SimScheduler } from './node-ports.js'
import type { Prng } from './prng.js'
import { type ProcessSink, SimProcess } from './process.js'
import { SimSideFile, SimSpace } from './side-file.js'

/** A node as the simulator drives it. */
export interface SimulatedNode extends Database {
  start(done: (failure?: StartFailure) => void): void
  stop(done: () => void): void
  /** The root of each partition's hash tree, '' while it is being built. */
  treeRoots(): string[]
  onFatal: (failure: StartFailure) => void
}

export interface Identity {
  readonly name: string
  readonly address: string
  readonly peerAddress: string
}

/** Makes the node under test on simulated ports. */
export type NodeMaker = (
  ports: NodePorts,
  identity: Identity,
  join: readonly string[],
  /** Whose place it is to take. */
  place: string | undefined,
) => SimulatedNode

export interface HostWatcher {
  log(line: LogLine): void
  /** The node of this host gave itself up, or could not start. The process has ended. */
  ended(host: SimHost, failure: StartFailure): void
  /** The process crashed by its own fault. */
  crashed(host: SimHost, reason: string): void
  /** The process ended without having been asked to. */
  memoryLost(host: SimHost): void
  disk(host: SimHost): DiskWatcher
}

/** `up`: its `start` reported success. */
export type HostState = 'off' | 'starting' | 'up' | 'stopping'

interface Running {
  readonly process: SimProcess
  readonly engine: SimEngine
  readonly sideFile: SimSideFile
  readonly network: SimNetwork
  readonly node: SimulatedNode
}

export class SimHost {
  #identity: Identity
  readonly clock: SimClock
  readonly disk: SimDisk
  readonly #fabric: Fabric
  readonly #prng: Prng
  readonly #watcher: HostWatcher
  readonly #make: NodeMaker
  #running: Running | undefined
  #state: HostState = 'off'
  #boots = 0
  #moves = 0
  #hasOldCopy = false
  /** How often a node has come up here. */
  ups = 0
  /** Virtual time at which this disk last lost something durable. */
  lostSomethingAtMs = Number.NEGATIVE_INFINITY
  /** Virtual time at which the process last stood still or came to life: it cannot have answered anything before. */
  disturbedAtMs = 0

  constructor(identity: Identity, fabric: Fabric, prng: Prng, watcher: HostWatcher, make: NodeMaker) {
    this.#identity = identity
    this.#fabric = fabric
    this.#prng = prng
    this.#watcher = watcher
    this.#make = make
    this.disk = new SimDisk(() => fabric.timeline.nowMs)
    this.clock = new SimClock(fabric.timeline, Math.floor(prng.between(-60_000, 60_000)))
  }

  get identity(): Identity {
    return this.#identity
  }

  /** It has other addresses from its next start on. */
  move(): void {
    this.#moves += 1
    const where = `${this.name}-${this.#moves}`
    this.#identity = { name: this.name, address: `${where}:7400`, peerAddress: `${where}:7500` }
  }

  get name(): string {
    return this.identity.name
  }

  get state(): HostState {
    return this.#state
  }

  get process(): SimProcess | undefined {
    return this.#running?.process
  }

  get node(): SimulatedNode | undefined {
    return this.#running?.node
  }

  get isStopped(): boolean {
    return this.#running?.process.stopped === true
  }

  /** Its directory is an older copy, and nobody has told a process on it what others know of its later starts. */
  get mayShowOldCopy(): boolean {
    return this.#hasOldCopy
  }

  /** Others have said that they know of no later start, or its directory was set aside: from now on there is no excuse. */
  recognised(): void {
    this.#hasOldCopy = false
  }

  /** An older copy of its directory is put back, while no process has it open. */
  restore(image: DiskImage): void {
    this.disk.restore(image)
    this.#hasOldCopy = true
    this.lostSomethingAtMs = this.#fabric.timeline.nowMs
  }

  start(join: readonly string[], place?: string): void {
    if (this.#state !== 'off') throw new Error(`${this.name} runs already`)
    this.#state = 'starting'
    this.disturbedAtMs = this.#fabric.timeline.nowMs
    this.#boots += 1
    const process = new SimProcess(this.name, this.#fabric.timeline, this.#sink())
    const running = this.#assemble(process, this.#prng.split(`boot ${this.#boots}`), join, place)
    this.#running = running
    running.node.onFatal = (failure) => this.#end(running, failure)
    process.enter('start', () => {
      running.node.start((failure) => {
        if (failure !== undefined) this.#end(running, failure)
        else if (this.#running === running && this.#state === 'starting') {
          this.#state = 'up'
          this.ups += 1
        }
      })
    })
  }

  /** SIGTERM: the node finishes what is under way and ends by itself. */
  stop(ended: () => void): void {
    const running = this.#running
    if (running === undefined || this.#state !== 'up') return
    this.#state = 'stopping'
    running.process.enter('stop', () => {
      running.node.stop(() => {
        if (this.#running !== running) return
        this.#abandon(running, false)
        ended()
      })
    })
  }

  /** SIGKILL, or with `powerCut` the whole machine. Returns how many written batches the disk lost. */
  crash(powerCut: boolean): number {
    const running = this.#running
    if (running !== undefined) {
      this.#abandon(running, powerCut)
      this.#watcher.memoryLost(this)
    }
    if (powerCut) return this.disk.cutPower(this.#prng)
    this.disk.kill()
    return 0
  }

  pause(): void {
    this.#running?.process.stop()
  }

  resume(): void {
    this.disturbedAtMs = this.#fabric.timeline.nowMs
    this.#running?.process.resume()
  }

  #assemble(process: SimProcess, prng: Prng, join: readonly string[], place: string | undefined): Running {
    const timeline = this.#fabric.timeline
    const engine = new SimEngine(process, this.disk, prng.split('disk'), this.#watcher.disk(this))
    const sideFile = new SimSideFile(process, this.disk, prng.split('side file'))
    const space = new SimSpace(process, this.disk, prng.split('space'))
    const network = new SimNetwork(process, this.#fabric, this.identity.peerAddress)
    const scheduler = new SimScheduler(process, this.clock, prng.split('scheduler'))
    const log = new SimLog(timeline, this.name, (line) => this.#watcher.log(line))
    const random = prng.split('node')
    const ports = { clock: this.clock, random, scheduler, log, engine, sideFile, space, network }
    return { process, engine, sideFile, network, node: this.#make(ports, this.identity, join, place) }
  }

  #sink(): ProcessSink {
    return {
      uncaught: (error, during) => {
        const text = error instanceof Error ? (error.stack ?? error.message) : String(error)
        this.#collapse(`an exception during '${during}': ${text}`)
      },
      crashed: (reason) => this.#collapse(reason),
    }
  }

  #collapse(reason: string): void {
    this.crash(false)
    this.#watcher.crashed(this, reason)
  }

  #end(running: Running, failure: StartFailure): void {
    if (this.#running !== running) return
    this.#abandon(running, false)
    this.#watcher.memoryLost(this)
    this.disk.kill()
    this.#watcher.ended(this, failure)
  }

  #abandon(running: Running, dark: boolean): void {
    this.#running = undefined
    this.#state = 'off'
    running.process.kill()
    running.engine.abandon()
    running.sideFile.abandon()
    this.#fabric.processGone(running.network, dark)
  }
}
