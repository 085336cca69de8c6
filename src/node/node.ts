/** A node, from its start to its end: what the edges and the composition root hold in their hands. */
import { keyHash, makeRowKey } from '../kernel/index.js'
import { limits } from '../limits.js'
import type { Channel, Hello, NetworkSink } from '../ports/network.js'
import { speaksOf } from '../protocol/membership/versions.js'
import { announced, SPEAKS } from '../wire/versions.js'
import { Backups } from './backups.js'
import type { ClusterView, Health, RingView } from './cluster-view.js'
import type { OpenReport } from './guard/index.js'
import { StorageGuard } from './guard/index.js'
import { Joiner } from './joiner.js'
import { measurements } from './measuring.js'
import type { NodeOptions, NodePorts, StartFailure } from './options.js'
import { plan } from './planning.js'
import type {
  BucketRequest,
  BucketSet,
  BucketView,
  Changed,
  ChangeRequest,
  ClusterChangeRequest,
  CopiedRange,
  CopyRequest,
  Database,
  Explained,
  ExplainRequest,
  Failure,
  Found,
  GetRequest,
  Listed,
  ListRequest,
  Measurements,
  Planned,
  PlanRequest,
  Restored,
  RestoreRequest,
  WriteRequest,
  Written,
} from './requests.js'
import { RunningNode } from './running.js'
import { type Started, Startup } from './startup.js'
import { clusterView, NO_CLUSTER, reasonsNotReady, ringView, warningsOf, whereabouts } from './views.js'

/** How long `stop` lets requests in flight finish. */
const DRAIN_MS = 5000
const DRAIN_STEP_MS = 10
const JOIN_TICK_MS = 50

const NOT_READY: Failure = {
  status: 'error',
  code: 'NOT_READY',
  message: 'The node is starting or stopping; nothing was done.',
}

export class RotundaNode implements Database {
  /** Called when the node must not go on; it refuses everything from then on and waits to be stopped. */
  onFatal: (failure: StartFailure) => void = () => {}
  readonly #ports: NodePorts
  readonly #options: NodeOptions
  readonly #guard: StorageGuard
  #running: RunningNode | undefined
  #backups: Backups | undefined
  #joiner: Joiner | undefined
  /** What a node without a cluster says of itself in handshakes. */
  #hello: Hello
  #ended = false
  #stopping = false
  #networkUp = false
  #hearUntilMs = Number.NEGATIVE_INFINITY
  #startDone: (failure?: StartFailure) => void = () => {}

  constructor(ports: NodePorts, options: NodeOptions) {
    this.#ports = ports
    this.#options = options
    const { durability, freeSpaceFloorBytes, cacheBytes, name, peerAddress } = options
    this.#guard = new StorageGuard(
      ports,
      { durability, freeSpaceFloorBytes, cacheBytes },
      {
        fenced: () => this.#running?.fenced(),
        reopened: (report) => this.#running?.reopened(report),
        stuck: (message) => this.#fatal({ kind: 'stuck', message }),
        unreadable: (rowKey) => this.#running?.rebuilder.suspect(rowKey),
      },
    )
    this.#hello = {
      nodeId: '',
      clusterId: '',
      name,
      peerAddress,
      boot: 0,
      incarnation: '',
      ...announced(options.speaks ?? SPEAKS),
      build: options.build ?? '',
    }
  }

  /** Opens the storage, then resumes, begins a cluster, or joins one (retried until accepted). `done` once: a member, or failed. */
  start(done: (failure?: StartFailure) => void): void {
    this.#startDone = (failure) => {
      this.#startDone = () => {}
      done(failure)
    }
    const startup = new Startup(this.#ports, this.#options, this.#guard, {
      join: (nodeId, report) => this.#join(startup, nodeId, report),
      started: (started) => this.#begin(started),
      failed: (failure) => this.#startDone(failure),
    })
    startup.begin()
  }

  /** Refuses new requests, lets those in flight finish, writes what is queued, closes storage and network. */
  stop(done: () => void): void {
    this.#stopping = true
    this.#joiner?.close()
    this.#running?.deliveries.stop()
    const untilMs = this.#ports.clock.monotonicMs() + DRAIN_MS
    const drain = (): void => {
      const idle = this.#running === undefined || this.#running.isIdle
      if (!idle && this.#ports.clock.monotonicMs() < untilMs)
        this.#ports.scheduler.after(DRAIN_STEP_MS, drain)
      else this.#close(done)
    }
    drain()
  }

  get requestLimit(): number {
    return this.#running?.admission.limit ?? limits.requestsInFlight
  }

  admits(inProgress: number): boolean {
    return this.#running?.admission.admits(inProgress) ?? true
  }

  retryAfterSeconds(): number {
    return this.#running?.admission.retryAfterSeconds() ?? 1
  }

  get(request: GetRequest, done: (outcome: Found | Failure) => void): void {
    const running = this.#serving()
    if (running === undefined) return done(NOT_READY)
    running.coordination.get(request, this.#timed(running, done))
  }

  write(request: WriteRequest, done: (outcome: Written | Failure) => void): void {
    const running = this.#serving()
    if (running === undefined) return done(NOT_READY)
    running.coordination.write(request, this.#timed(running, done))
  }

  list(request: ListRequest, done: (outcome: Listed | Failure) => void): void {
    const running = this.#serving()
    if (running === undefined) return done(NOT_READY)
    running.listing.begin(request, running.enter(), done)
  }

  explain(request: ExplainRequest, done: (outcome: Explained | Failure) => void): void {
    const running = this.#serving()
    if (running === undefined) return done(NOT_READY)
    running.enter()
    const { bucket, key, deadlineMs } = request
    const rowKey = makeRowKey(bucket, key)
    const where = whereabouts(running.membership, rowKey)
    running.coordination.explain(rowKey, deadlineMs, (answers) => done(where(keyHash(bucket, key), answers)))
  }

  get clusterId(): string {
    return this.#hello.clusterId
  }

  bucket(bucket: Uint8Array): BucketView | undefined {
    return this.#running?.buckets.view(bucket)
  }

  setBucket(request: BucketRequest, done: (outcome: BucketSet | Failure) => void): void {
    const running = this.#serving()
    if (running === undefined) return done(NOT_READY)
    running.enter()
    running.buckets.put(request, done)
  }

  copy(request: CopyRequest, done: (outcome: CopiedRange | Failure) => void): void {
    if (this.#serving() === undefined) done(NOT_READY)
    else this.#backups!.copy(request, done)
  }

  restore(request: RestoreRequest, done: (outcome: Restored | Failure) => void): void {
    if (this.#serving() === undefined) done(NOT_READY)
    else this.#backups!.restore(request, done)
  }

  change(request: ChangeRequest | ClusterChangeRequest, done: (outcome: Changed | Failure) => void): void {
    const running = this.#serving()
    if (running === undefined) return done(NOT_READY)
    running.enter()
    running.keeper.changes.record(request, done)
  }

  plan(request: PlanRequest): Planned | Failure {
    const running = this.#serving()
    if (running === undefined) return NOT_READY
    return plan(request, running.membership, running.entropy.keeper.trees)
  }

  cluster(): ClusterView {
    return this.#running === undefined ? NO_CLUSTER : clusterView(this.#running)
  }

  ring(): RingView {
    if (this.#running !== undefined) return ringView(this.#running.membership)
    return { partitions: 0, n: 0, ringDigest: '', members: [], owners: [] }
  }

  health(): Health {
    const reasons = this.#reasons()
    const running = this.#running
    const warnings =
      running === undefined ? [] : warningsOf(this.#guard, running.membership, running.rebuilder.suspectRows)
    return { live: true, ready: reasons.length === 0, reasons, warnings }
  }

  measurements(): Measurements {
    return measurements(this.#guard, this.#running)
  }

  /** The root of each partition's hash tree as hex, '' while it is being built: nodes that hold the same rows have the same. */
  treeRoots(): string[] {
    const trees = this.#running?.entropy.keeper.trees
    if (trees === undefined) return []
    const root = (partition: number) =>
      trees.isReady(partition) ? trees.roots([partition]).toString('hex') : ''
    return Array.from({ length: trees.shape.partitions }, (_, partition) => root(partition))
  }

  #reasons(): string[] {
    if (this.#stopping || this.#ended) return ['the node is stopping']
    if (this.#running === undefined)
      return [
        this.#joiner === undefined ? 'the node is starting' : 'the node waits to be let into the cluster',
      ]
    if (this.#running.knowsTooLittle)
      return ['the membership was lost with other rows; the node waits for a member to call']
    if (this.#waitsToHear) return ['no other member has been heard yet']
    return reasonsNotReady(this.#running, this.#guard, this.#options.awaitMembers)
  }

  /** How long those took that were served says how fast background work may go. */
  #timed<Outcome extends { readonly status: string }>(
    running: RunningNode,
    done: (outcome: Outcome) => void,
  ): (outcome: Outcome) => void {
    const beganMs = running.enter()
    return (outcome) => {
      if (outcome.status === 'ok') running.governor.served(this.#ports.clock.monotonicMs() - beganMs)
      done(outcome)
    }
  }

  #serving(): RunningNode | undefined {
    if (this.#stopping || this.#ended || this.#running?.knowsTooLittle || this.#waitsToHear) return undefined
    return this.#running
  }

  /** It may have been removed while it was away: it serves nobody before it has heard a member, or has waited long enough. */
  get #waitsToHear(): boolean {
    if (this.#running === undefined) return false
    const { confirmed, isOut } = this.#running.membership
    return isOut || (!confirmed && this.#ports.clock.monotonicMs() < this.#hearUntilMs)
  }

  #join(startup: Startup, nodeId: string, report: OpenReport): void {
    const { incarnation, boot } = report
    this.#hello = { ...this.#hello, nodeId, boot, incarnation }
    this.#listen(() => {
      const { name, address, peerAddress, zone, weight, join, place } = this.#options
      this.#joiner = new Joiner({
        network: this.#ports.network,
        random: this.#ports.random,
        log: this.#ports.log,
        request: { nodeId, name, address, peerAddress, zone, weight, boot, incarnation, place },
        addresses: join,
        accepted: (answer, storageInUse) => startup.joined(answer, storageInUse, report),
        refused: (message) => this.#startDone({ kind: 'fault', message }),
      })
      this.#tickJoiner()
    })
  }

  #tickJoiner(): void {
    if (this.#joiner === undefined || this.#running !== undefined || this.#stopping) return
    this.#joiner.tick(this.#ports.clock.monotonicMs())
    this.#ports.scheduler.after(JOIN_TICK_MS, () => this.#tickJoiner())
  }

  #begin(started: Started): void {
    if (this.#stopping) return
    const running = new RunningNode(this.#ports, this.#guard, started, this.#options, {
      fatal: (failure) => this.#fatal(failure),
    })
    this.#backups = new Backups(this.#ports, this.#guard, running)
    const { id: nodeId, boot, incarnation } = started.own
    this.#hello = { ...this.#hello, nodeId, boot, incarnation, clusterId: started.state.birth.clusterId }
    this.#listen(() => {
      this.#joiner = undefined
      this.#running = running
      this.#hearUntilMs = this.#ports.clock.monotonicMs() + (this.#options.hearMembersMs ?? 0)
      running.begin()
      this.#startDone()
    })
  }

  /** A joiner listens already, and its connections were made under another name: they end, and new ones are made under this one. */
  #listen(done: () => void): void {
    const { network } = this.#ports
    if (this.#networkUp) {
      for (const peer of this.#strangers) network.drop(peer, 'joined under another name')
      this.#strangers.clear()
      done()
      return
    }
    network.start(
      () => this.#describe(),
      this.#sink(),
      (error) => {
        this.#networkUp = error === undefined
        if (error === undefined) done()
        else this.#startDone({ kind: 'fault', message: error })
      },
    )
  }

  /** Peers connected while this node had no cluster. */
  readonly #strangers = new Set<string>()

  #describe(): Hello {
    const own = this.#running?.membership.own
    if (own === undefined) return this.#hello
    const { boot, incarnation } = own
    return { ...this.#hello, boot, incarnation, ...announced(speaksOf(own)) }
  }

  #sink(): NetworkSink {
    return {
      peerUp: (peer, hello) => {
        if (this.#running !== undefined) this.#running.peerUp(peer, hello)
        else {
          this.#strangers.add(peer)
          this.#joiner?.peerUp(peer, hello)
        }
      },
      peerDown: (peer) => {
        if (this.#strangers.delete(peer)) this.#joiner?.peerDown(peer)
        else this.#running?.peerDown(peer)
      },
      frame: (peer, channel, bytes) => this.#frame(peer, channel, bytes),
      dialFailed: (address, reason) => this.#joiner?.dialFailed(address, reason),
      refused: (hello, why, reason) => this.#running?.keeper.versions.refused(hello, why, reason),
    }
  }

  #frame(peer: string, channel: Channel, bytes: Uint8Array): void {
    if (this.#ended) return
    if (this.#running !== undefined) this.#running.frame(peer, channel, bytes)
    else this.#joiner?.frame(peer, bytes)
  }

  #fatal(failure: StartFailure): void {
    if (this.#ended) return
    this.#ended = true
    this.#running?.stop()
    this.#ports.log.error('must-stop', { reason: failure.message })
    this.onFatal(failure)
  }

  #close(done: () => void): void {
    this.#ended = true
    this.#running?.stop()
    const close = () =>
      this.#guard.close(() => {
        if (this.#networkUp) this.#ports.network.stop(done)
        else done()
      })
    if (this.#running === undefined) close()
    else this.#running.entropy.keeper.save(close)
  }
}
