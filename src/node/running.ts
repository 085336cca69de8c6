/**
 * A node at work: every input (a request, a frame, a row read, a commit, a tick) is routed to its conversation, every effect
 * is performed, and at the end of the turn everything gathered leaves at once: one batch for the disk, one frame for each peer.
 */
import { KernelError } from '../kernel/index.js'
import { limits } from '../limits.js'
import type { Channel, Hello } from '../ports/network.js'
import { Governor } from '../protocol/background/governor.js'
import type { Input } from '../protocol/effects.js'
import { Membership } from '../protocol/membership/membership.js'
import { ActorSource } from '../protocol/replica/actor.js'
import { WireError } from '../wire/bytes.js'
import type { Message } from '../wire/messages.js'
import { Admission } from './admission.js'
import { Answering } from './answering.js'
import { BucketSettings } from './bucket-settings.js'
import { Conversations } from './conversations.js'
import { Coordination } from './coordination.js'
import { newCounts } from './counts.js'
import { DiskWatch } from './disk-watch.js'
import { Drain } from './drain.js'
import { Entropy } from './entropy.js'
import type { ReopenReport, StorageGuard } from './guard/index.js'
import { Deliveries } from './handoff.js'
import { Keeper } from './keeper.js'
import { Listing } from './listing.js'
import { Mender } from './mender.js'
import type { NodePorts, RunningOptions, StartFailure } from './options.js'
import { Outbox } from './outbox.js'
import { Outflow } from './outflow.js'
import { Peers } from './peers.js'
import { type Performed, Performer } from './performer.js'
import { Reaper, reapingTimes } from './reaper.js'
import { Rebuilder } from './rebuilder.js'
import { Replica } from './replica.js'
import type { Started } from './startup.js'
import { Switchboard } from './switchboard.js'
import { Transfers } from './transfers.js'
import { Watch } from './watch.js'

const BUSY_TICK_MS = 25
const IDLE_TICK_MS = 250

export interface RunningListener {
  fatal(failure: StartFailure): void
}

export class RunningNode {
  readonly admission: Admission
  readonly governor: Governor
  readonly membership: Membership
  readonly peers = new Peers()
  readonly coordination: Coordination
  readonly conversations: Conversations
  readonly listing: Listing
  readonly replica: Replica
  readonly deliveries: Deliveries
  readonly rebuilder: Rebuilder
  readonly keeper: Keeper
  readonly buckets: BucketSettings
  readonly entropy: Entropy
  readonly transfers: Transfers
  readonly reaper: Reaper
  readonly counts = newCounts()
  readonly #ports: NodePorts
  readonly #guard: StorageGuard
  readonly #outbox: Outbox
  readonly #answering: Answering
  readonly #switchboard: Switchboard
  readonly #performer: Performer
  readonly #started: Started
  readonly #awaitMembers: number
  readonly #watch: Watch
  readonly #diskWatch: DiskWatch
  readonly #mender: Mender
  #woken = false
  #stopped = false
  #tickDueMs = 0
  #cancelTick: () => void = () => {}

  constructor(
    ports: NodePorts,
    guard: StorageGuard,
    started: Started,
    options: RunningOptions,
    listener: RunningListener,
  ) {
    this.#ports = ports
    const { clock, random, log, scheduler, network } = ports
    this.#guard = guard
    this.#started = started
    this.#awaitMembers = options.awaitMembers ?? 1
    const membership = new Membership(started.state, started.own)
    this.membership = membership
    const { peers, counts } = this
    this.#outbox = new Outbox(network, (id, to) => this.#route(id, { kind: 'unsent', to }))
    this.#diskWatch = new DiskWatch(guard, log)
    const reply = (to: string, message: Message) => this.#reply(to, message)
    const perform = (effect: Performed) => this.#performer.perform(effect)
    const provisional = new ActorSource(Buffer.from(random.bytes(8)).toString('hex'), started.own.boot)
    const { hintBytes = limits.hintBytes, exchangeEveryMs: everyMs = limits.exchangeEveryMs } = options
    const { spareEntries = limits.spareEntries, shownWholeBytes = limits.shownWholeBytes } = options
    const { transfers: atOnce = limits.exchanges, transferRate } = options
    const stores = { guard, scheduler, log, hintBytes, spareEntries, lost: started.report.lost }
    this.replica = new Replica(stores, provisional, started.hasRows, started.trees, {
      laneEffect: (effect) => this.#performer.laneEffect(effect),
      hintEffect: (effect) => this.#performer.hintEffect(effect),
      wake: () => this.#wake(),
    })
    const bug = (error: unknown) => this.#bug(error)
    const touched = (rowKey: Uint8Array) => this.replica.marks.touched(rowKey)
    this.conversations = new Conversations(random.below(0xffff_fff0) + 1, perform, bug, touched)
    const reads = new Drain()
    const { conversations, replica } = this
    this.admission = new Admission(clock.monotonicMs(), guard.stats, () => replica.operations)
    this.governor = new Governor(clock.monotonicMs(), limits.background)
    const { admission, governor } = this
    const outflow = new Outflow(membership, clock.monotonicMs(), transferRate)
    const answers = { clock, scheduler, replica, guard, membership, admission, governor, reads, outflow }
    this.#answering = new Answering({ ...answers, reply, shownWholeBytes })
    const holdsWrites = () => this.keeper.holdsWrites || this.isTooSmall
    this.coordination = new Coordination({
      ...{ clock, random, membership, peers, conversations },
      ...{ counts, holdsWrites, reply, refusal: () => replica.wouldRefuse },
      forwardLimit: () => admission.limit,
      isBuffered: guard.isBuffered,
    })
    const { coordination } = this
    this.#performer = this.#newPerformer()
    this.listing = new Listing({ membership, coordination, nextId: () => conversations.nextId(), perform })
    const delivered = { clock, random, peers, membership, replica, conversations, coordination, governor }
    this.deliveries = new Deliveries({ ...delivered, slices: guard.slices })
    this.#watch = new Watch(clock.monotonicMs(), {
      ...{ random, log, peers, counts, reply },
      probe: (to, message) => this.#outbox.post(to, 'control', message),
      suspected: (peer) => this.#away({ kind: 'suspected', to: peer }),
    })
    this.keeper = this.#newKeeper(listener.fatal, options)
    this.buckets = new BucketSettings(membership, (bucket, properties) =>
      this.keeper.setBucket(bucket, properties),
    )
    const completed = () => this.keeper.describeSelf({ incomplete: false })
    const work = { conversations, coordination, governor, perform, completed, membership, peers }
    const parts = { clock, log, guard, ...work }
    const mayCompare = () => everyMs > 0 && this.entropy?.keeper.cannotScan !== true
    const { rebuild, report, forgotOthers, trees, indexHasGaps } = started
    this.rebuilder = new Rebuilder({ ...parts, mayCompare, trees }, rebuild, report.lost, forgotOthers)
    const more = { ...parts, random, replica, reads, outflow, reply, deliveries: this.deliveries }
    this.transfers = new Transfers({ ...more, trees, offer: (state) => this.keeper.offer(state) })
    const refill = () => this.rebuilder.refill
    const compared = { trees, indexHasGaps, everyMs, atOnce, refill, handover: this.transfers.handover }
    this.entropy = new Entropy({ ...more, ...compared })
    this.#mender = new Mender({ ...parts, canMend: ports.engine.mend !== undefined })
    this.reaper = new Reaper({ ...more, ...reapingTimes(options), begun: started.history })
    this.#switchboard = this.#newSwitchboard(reply)
  }

  #newKeeper(fatal: RunningListener['fatal'], { speaks, join, seedsAfterMs }: RunningOptions): Keeper {
    const { membership, peers, replica } = this
    return new Keeper({
      ...{ ...this.#ports, guard: this.#guard, membership, peers, replica },
      ...{ speaks, seeds: join, seedsAfterMs },
      ...{ outbox: this.#outbox, fatal, wake: () => this.#wake(), confirmed: () => this.#confirmed() },
      adopted: (ringChanged) => this.#adopted(ringChanged),
    })
  }

  #newPerformer(): Performer {
    const { membership, peers, replica, counts } = this
    const { scheduler } = this.#ports
    return new Performer({
      ...{ scheduler, membership, peers, replica, counts },
      route: (id, input) => this.#route(id, input),
      post: (to, message, conversation) => this.#post(to, message, conversation),
      toSelf: (message) => this.#reply(membership.self, message),
      learn: (from, state) => this.#learn(from, state),
      stored: (...stored) => this.#answering.stored(...stored),
      suspect: (rowKey) => this.rebuilder.suspect(rowKey),
      dropped: (ticket, gone) => {
        if (!this.transfers.sweep.settled(ticket, gone)) this.reaper.settled(ticket, gone)
      },
      replace: (conversation) => this.#replace(conversation),
    })
  }

  #newSwitchboard(reply: (to: string, message: Message) => void): Switchboard {
    const { peers, coordination, keeper, entropy, reaper } = this
    return new Switchboard({
      ...{ peers, coordination, keeper, entropy, reaper, reply },
      ...{ answering: this.#answering, watch: this.#watch, outbox: this.#outbox },
      wake: () => this.#wake(),
      route: (id, input) => this.#route(id, input),
    })
  }

  begin(): void {
    this.conversations.place(this.membership.ring, this.#ports.clock.monotonicMs())
    this.keeper.begin(this.#started.freshlyJoined, this.#started.forgotOthers)
    this.#tickIn(BUSY_TICK_MS)
  }

  stop(): void {
    this.#stopped = true
    this.keeper.stop()
    this.#answering.stop()
    this.#cancelTick()
  }

  /** The membership was lost with other rows, and no member was heard yet: what is here answers for nothing. */
  get knowsTooLittle(): boolean {
    const { confirmed, ring } = this.membership
    return this.#started.forgotOthers && (!confirmed || ring.members.length === 1)
  }

  /** Members that the operator wants there before the first write have not joined yet. */
  get isTooSmall(): boolean {
    return this.membership.ring.members.length < this.#awaitMembers
  }

  get isIdle(): boolean {
    return this.conversations.unanswered === 0 && this.listing.size === 0 && this.replica.isIdle
  }

  /** An input from outside begins: notices when the process has stood still. */
  enter(): number {
    return this.#watch.enter(this.#ports.clock.monotonicMs())
  }

  peerUp(peer: string, hello: Hello): void {
    this.peers.connected(hello, this.enter())
    this.keeper.peerUp(peer, hello)
    this.entropy.peerUp(peer)
  }

  peerDown(peer: string): void {
    this.enter()
    this.peers.gone(peer)
    this.#away({ kind: 'lost', to: peer })
    this.keeper.peerDown(peer)
  }

  frame(peer: string, channel: Channel, bytes: Uint8Array): void {
    if (this.#stopped) return
    const nowMs = this.enter()
    this.peers.heard(peer, nowMs)
    this.counts.framesIn++
    try {
      if (this.#switchboard.takeFrame(peer, bytes, channel)) this.#watch.answered(peer, nowMs)
    } catch (error) {
      this.#badFrame(peer, error)
    }
  }

  /** Nothing more is to be expected of this peer for now: everybody who waits for it hears of it. */
  #away(input: Input & { kind: 'lost' | 'suspected' }): void {
    const nowMs = this.#ports.clock.monotonicMs()
    this.conversations.stepAll(input, nowMs)
    this.listing.stepAll(input, nowMs)
    this.rebuilder.away(input)
    this.entropy.lost(input.to)
    this.reaper.away(input)
  }

  fenced(): void {
    this.#wake()
  }

  reopened(report: ReopenReport): void {
    this.replica.renew(new ActorSource(report.incarnation, report.boot))
    this.replica.hints.reopened(report.lost)
    this.reaper.reopened(report.lost)
    if (report.lost !== 'nothing') this.entropy.keeper.lost(report.mended > 0)
    const lost = report.lost !== 'nothing' && this.membership.ring.members.length > 1
    this.keeper.describeSelf(
      lost ? { incarnation: report.incarnation, incomplete: true } : { incarnation: report.incarnation },
    )
    if (lost) this.rebuilder.lost(report.lost)
  }

  #badFrame(peer: string, error: unknown): void {
    if (!(error instanceof WireError) && !(error instanceof KernelError)) {
      this.#bug(error)
      return
    }
    this.counts.badFrames++
    this.#ports.log.warn('bad-frame', { peer, reason: error.message })
    this.#ports.network.drop(peer, `it sent a malformed message: ${error.message}`)
  }

  #bug(error: unknown): void {
    this.counts.bugs++
    this.#ports.log.error('bug', {
      error: error instanceof Error ? (error.stack ?? error.message) : String(error),
    })
  }

  #route(id: number, input: Input): void {
    if (id === 0) return
    const nowMs = this.#ports.clock.monotonicMs()
    if (this.conversations.step(id, input, nowMs)) return
    const { slices } = this.#guard
    if (this.listing.has(id)) this.listing.step(id, input, nowMs)
    else if (this.rebuilder.owns(id)) slices.run('rebuild', () => this.rebuilder.step(input))
    else if (this.entropy.owns(id)) slices.run('exchange', () => this.entropy.step(id, input))
    else if (this.reaper.owns(id)) slices.run('reaping', () => this.reaper.step(id, input))
  }

  #reply(to: string, message: Message): void {
    if (to === this.membership.self) this.#switchboard.take(to, message, 'data')
    else this.#post(to, message, 0)
  }

  #post(to: string, message: Message, conversation: number): void {
    this.#outbox.post(to, 'data', message, conversation)
    this.#wake()
  }

  #learn(from: string, state: Uint8Array): boolean {
    try {
      return this.keeper.learn(from, state)
    } catch (error) {
      this.#badFrame(from, error)
      return false
    }
  }

  #replace(conversation: number): void {
    if (this.#stopped) return
    const rowKey = this.conversations.rowKeyOf(conversation)
    if (rowKey === undefined) return
    this.#route(conversation, { kind: 'placement', placement: this.coordination.placement(rowKey) })
  }

  #adopted(ringChanged: boolean): void {
    this.conversations.place(this.membership.ring, this.#ports.clock.monotonicMs())
    for (const one of [this.#performer, this.reaper, this.transfers, this.#answering]) one.adopted()
    if (ringChanged) this.entropy.ringChanged()
    if (ringChanged && this.membership.own.incomplete) this.rebuilder.restart()
    this.coordination.releaseHeld(this.#ports.clock.monotonicMs())
    this.buckets.adopted()
  }

  /** Peers know no later life of this directory: actors of its incarnation may go on. A node alone has nobody to ask, and takes no chances. */
  #confirmed(): void {
    const { log } = this.#ports
    log.info('identity-confirmed', { boot: this.membership.own.boot, incarnation: this.#guard.incarnation })
    if (this.membership.ring.members.length > 1)
      this.replica.renew(new ActorSource(this.#guard.incarnation, this.#guard.boot))
  }

  #wake(): void {
    if (this.#woken || this.#stopped) return
    this.#woken = true
    this.#ports.scheduler.afterTurn(() => {
      this.#woken = false
      if (this.#stopped) return
      this.replica.flush()
      this.#outbox.flush()
    })
  }

  #tickIn(delayMs: number): void {
    this.#tickDueMs = this.#ports.clock.monotonicMs() + delayMs
    this.#cancelTick = this.#ports.scheduler.after(delayMs, () => this.#tick())
  }

  #tick(): void {
    if (this.#stopped) return
    const nowMs = this.enter()
    this.admission.look(nowMs - this.#tickDueMs, nowMs)
    this.governor.tick(nowMs)
    this.#watch.tick(nowMs)
    this.#diskWatch.look()
    this.#mender.tick(nowMs)
    if (!this.#outbox.isEmpty) this.#wake()
    this.conversations.expire(nowMs)
    this.listing.expire(nowMs)
    this.buckets.expire(nowMs)
    this.keeper.tick(nowMs)
    this.#tickBackground(nowMs)
    this.coordination.releaseHeld(nowMs)
    this.#tickIn(this.#isBusy ? BUSY_TICK_MS : IDLE_TICK_MS)
  }

  get #isBusy(): boolean {
    const { rebuilder, deliveries, entropy, reaper, transfers } = this
    if (this.conversations.size > 0 || this.listing.size > 0 || transfers.isBusy) return true
    return rebuilder.active || deliveries.active || entropy.isBusy || reaper.isBusy
  }

  #tickBackground(nowMs: number): void {
    const { slices } = this.#guard
    slices.run('rebuild', () => this.rebuilder.tick(nowMs))
    slices.run('handoff', () => this.deliveries.tick(nowMs))
    slices.run('handoff', () => this.transfers.tick(nowMs))
    slices.run('exchange', () => this.entropy.tick(nowMs))
    slices.run('reaping', () => this.reaper.tick(nowMs))
  }
}
