/**
 * Anti-entropy of this node: conducts the exchanges that are due, answers those of its peers, and counts. What an exchange asks for is done
 * as fast as the governor grants: clients come first.
 */
import { limits } from '../limits.js'
import type { Clock } from '../ports/clock.js'
import type { Log } from '../ports/log.js'
import type { Random } from '../ports/random.js'
import type { Governor } from '../protocol/background/governor.js'
import type { Effect } from '../protocol/effects.js'
import {
  Exchange,
  type ExchangeEffect,
  type ExchangeInput,
  type ExchangeOutcome,
  NOT_BEGUN,
} from '../protocol/entropy/exchange.js'
import type { TreeRefill } from '../protocol/entropy/refill.js'
import { type Chunk, isWhole, Schedule, sharedPartitions } from '../protocol/entropy/schedule.js'
import type { Trees } from '../protocol/entropy/trees.js'
import type { Membership } from '../protocol/membership/membership.js'
import { sameDigest } from '../protocol/membership/ring.js'
import { factsOf } from '../protocol/membership/state.js'
import type { Handover } from '../protocol/transfer/handover.js'
import { ByteWriter } from '../wire/bytes.js'
import { encodeMessage } from '../wire/encode.js'
import type { EntropyMessage } from '../wire/entropy.js'
import type { Digest64, Message } from '../wire/messages.js'
import { Alike } from './alike.js'
import type { Conversations } from './conversations.js'
import { Departures, type Sender } from './departures.js'
import type { Drain } from './drain.js'
import { ExchangeAnswers, isQuestion, type Question } from './exchange-answers.js'
import type { StorageGuard } from './guard/index.js'
import type { Outflow } from './outflow.js'
import type { Peers } from './peers.js'
import type { Replica } from './replica.js'
import { SegmentLister } from './segment-lister.js'
import { TreeKeeper } from './tree-keeper.js'

/** Memory kept for counting bytes. */
const KEPT_BYTES = 64 * 1024

export interface EntropyParts {
  readonly clock: Clock
  readonly random: Random
  readonly log: Log
  readonly guard: StorageGuard
  readonly membership: Membership
  readonly conversations: Conversations
  readonly replica: Replica
  readonly peers: Peers
  readonly trees: Trees
  readonly indexHasGaps: boolean
  readonly governor: Governor
  /** Rows that were read and not yet sent; an exchange holds some all the time. */
  readonly reads: Drain
  readonly outflow: Outflow
  /** Exchanges conducted at a time, each with another peer. */
  readonly atOnce: number
  /** Between two exchanges of one chunk, about; 0 = none are begun here. */
  readonly everyMs: number
  readonly deliveries: { isHanding(peer: string): boolean }
  /** This replica lost the end of its log, and is to be filled by exchanges that it conducts itself. */
  refill(): TreeRefill | undefined
  /** What has to be compared with those who are to own it. */
  readonly handover: Handover
  reply(to: string, message: Message): void
  perform(effect: Extract<Effect, { kind: 'send' | 'merge' }>): void
}

interface Running extends Sender {
  readonly exchange: Exchange
  readonly chunk: Chunk
  /** To leave `reads` with. */
  readonly begun: number
  /** For which it is conducted, if not because it was due. */
  readonly sake: Sake | undefined
}

type Sake = TreeRefill | Handover

export class Entropy {
  readonly counts = {
    same: 0,
    repaired: 0,
    brokenOff: 0,
    keysPulled: 0,
    keysPushed: 0,
    bytesSent: 0,
    falseAlarms: 0,
  }
  readonly keeper: TreeKeeper
  readonly alike: Alike
  readonly #parts: EntropyParts
  readonly #schedule: Schedule
  readonly #answers: ExchangeAnswers
  readonly #lister: SegmentLister
  readonly #running = new Map<number, Running>()
  readonly #departures: Departures<Running>
  /** The partitions shared with each other owner under the table in force. */
  #shared: ReadonlyMap<string, readonly number[]> = new Map()
  #holding: Digest64
  /** When an exchange with each peer was last begun because it was due. */
  readonly #dueMs = new Map<string, number>()
  #gapMs = 0
  readonly #writer = new ByteWriter(1024)
  readonly #chance: () => number

  constructor(parts: EntropyParts) {
    this.#parts = parts
    this.keeper = new TreeKeeper(parts)
    const { guard, membership, replica, trees, clock, random, reads, governor, outflow } = parts
    this.#chance = () => random.below(1024) / 1024
    this.#schedule = new Schedule(parts.everyMs)
    this.#lister = new SegmentLister(guard, trees, governor)
    this.alike = new Alike(clock)
    this.#holding = membership.ring.holding
    this.#departures = new Departures<Running>({
      ...{ governor, outflow },
      isUnderWay: ({ exchange }) => this.#running.has(exchange.task.id),
      perform: (effect) => {
        this.#count(effect.message)
        parts.perform(effect)
      },
    })
    this.#answers = new ExchangeAnswers({
      ...{ clock, outflow },
      guard,
      membership,
      replica,
      trees,
      lister: this.#lister,
      reads,
      shared: (peer) => this.#shared.get(peer) ?? [],
      waits: (peer, chunk) => this.#waitsForHints(peer, chunk),
      reply: (to, message) => this.#reply(to, message),
      compared: (peer, chunk, same) => {
        if (same) this.alike.found(peer, chunk)
      },
    })
    this.#plan()
  }

  get exchanging(): number {
    return this.#running.size
  }

  /** There is work that goes on as fast as it may. */
  get isBusy(): boolean {
    return this.#running.size > 0 || this.#lister.isWaiting || this.keeper.isBuilding
  }

  owns(id: number): boolean {
    return this.#exchangeOf(id) !== undefined
  }

  /** By its own number, or that of the question that it has asked. */
  #exchangeOf(id: number): Exchange | undefined {
    if (this.#running.size === 0) return undefined
    const running = this.#running.get(id)
    if (running !== undefined) return running.exchange
    for (const { exchange } of this.#running.values()) if (exchange.question === id) return exchange
    return undefined
  }

  /** The ring has changed: what was compared under the old one tells nothing, if anybody holds something else now. */
  ringChanged(): void {
    if (sameDigest(this.#holding, this.#parts.membership.ring.holding)) return
    for (const { exchange } of [...this.#running.values()])
      this.#run(exchange, (out) => exchange.abandon(out))
    this.keeper.split(this.#parts.membership.ring.partitions)
    this.#plan()
  }

  peerUp(peer: string): void {
    this.#schedule.peerUp(peer, this.#parts.clock.monotonicMs(), this.#chance)
  }

  lost(peer: string): void {
    for (const id of [...this.#running.keys()]) this.step(id, { kind: 'lost', to: peer })
  }

  /** True for a message of an exchange that a peer conducts. */
  answer(from: string, message: Message): boolean {
    if (!isQuestion(message)) return false
    return this.#parts.guard.slices.run('exchange', () => this.#answer(from, message))
  }

  #answer(from: string, message: Question): boolean {
    switch (message.type) {
      case 40:
        this.#answers.roots(from, message)
        return true
      case 42:
        this.#answers.nodes(from, message)
        return true
      case 44:
        this.#answers.keys(from, message)
        return true
      case 46:
        this.#answers.rows(from, message)
        return true
      default:
        return message satisfies never
    }
  }

  step(id: number, input: ExchangeInput): void {
    const exchange = this.#exchangeOf(id)
    const nowMs = this.#parts.clock.monotonicMs()
    if (exchange !== undefined) this.#run(exchange, (out) => exchange.step(input, nowMs, out))
  }

  tick(nowMs: number): void {
    this.keeper.tick(nowMs)
    for (const { exchange, rowsWaiting } of [...this.#running.values()]) {
      if (rowsWaiting > 0) exchange.isHeldBack(nowMs)
      this.#run(exchange, (out) => exchange.tick(nowMs, out))
    }
    this.#lister.tick()
    this.#departures.release()
    this.#begin(nowMs)
  }

  #plan(): void {
    const { membership, clock } = this.#parts
    const { ring, self } = membership
    this.#holding = ring.holding
    this.#shared = sharedPartitions(ring.holders, self)
    this.alike.begin(this.#shared)
    for (const peer of this.#dueMs.keys()) if (!this.#shared.has(peer)) this.#dueMs.delete(peer)
    this.#schedule.plan(self, this.#shared, clock.monotonicMs(), this.#chance)
  }

  #begin(nowMs: number): void {
    const { guard, conversations, membership, trees, handover } = this.#parts
    if (nowMs < this.#gapMs || this.#running.size >= this.#parts.atOnce || guard.state !== 'open') return
    const { chunk, sake } = this.#next(nowMs)
    if (chunk === undefined) return
    this.#gapMs = nowMs + limits.exchangeGapMs
    if (chunk.partitions.some((partition) => !trees.isReady(partition))) {
      this.#rest(chunk, NOT_BEGUN, sake)
      return
    }
    const { peer, chunk: number, partitions } = chunk
    const id = conversations.nextId()
    const nextId = () => conversations.nextId()
    const deadlineMs = nowMs + limits.exchangeMs
    const ringOf = (rowKey: Uint8Array) => membership.ring.placementOf(rowKey).ring
    const where = { peer, ring: membership.ring.holding, ringOf, chunk: number, partitions }
    const rankOf = (partition: number) => (sake === handover ? handover.rankOf(partition) : 0)
    const task = { id, nextId, ...where, rankOf, deadlineMs }
    const exchange = new Exchange(task, trees)
    if (sake === undefined) this.#dueMs.set(peer, nowMs)
    this.#running.set(id, { exchange, chunk, begun: this.#parts.reads.enter(), sake, rowsWaiting: 0 })
    this.#run(exchange, (out) => exchange.start(nowMs, out))
  }

  /** What was lost, then what others wait for, then what is due. */
  #next(nowMs: number): { chunk: Chunk | undefined; sake: Sake | undefined } {
    const { everyMs, handover } = this.#parts
    const sake = this.#parts.refill() ?? handover
    const chunk = sake.next(nowMs, (peer) => this.#mayAsk(peer))
    if (chunk !== undefined || sake !== handover) return { chunk, sake }
    const isDue = (due: Chunk) =>
      this.#isFree(due.peer) && !this.#waitsForHints(due.peer, due.chunk) && !this.#isHandedOver(due, nowMs)
    return { chunk: everyMs > 0 ? this.#schedule.due(nowMs, isDue) : undefined, sake: undefined }
  }

  /** When the chunk comes up again. */
  #rest(chunk: Chunk, outcome: ExchangeOutcome, sake: Sake | undefined): void {
    const nowMs = this.#parts.clock.monotonicMs()
    if (sake === undefined) this.#schedule.ended(chunk, outcome, nowMs, this.#chance)
    else sake.ended(chunk, outcome, nowMs)
  }

  /** A replica that is being refilled needs no other exchange yet: it would be sent the same rows twice. */
  #isFree(peer: string): boolean {
    const { membership } = this.#parts
    const doubtful = membership.own.incomplete || factsOf(membership.state, peer)?.incomplete === true
    return !doubtful && this.#mayAsk(peer)
  }

  /** What hints bring would be sent twice. But not for ever: they may take their time, and not everything that differs is in them. A move waits for none. */
  #waitsForHints(peer: string, chunk: number): boolean {
    const { deliveries, membership } = this.#parts
    if (!deliveries.isHanding(peer) || factsOf(membership.state, peer)?.incomplete === true) return false
    const isMoving = this.#shared.get(peer)?.some((partition) => membership.ring.moving.has(partition))
    return isMoving !== true && this.alike.ageSeconds(peer, chunk) * 1_000 < limits.exchangeWaitsMs
  }

  /**
   * One of the two is still to be given some of it: who has it compares it with that one anyway, and what is fetched as well would come twice. But not for ever, for
   * a move may take hours, or wait for somebody, and what else differs is to become alike meanwhile.
   */
  #isHandedOver({ peer, partitions }: Chunk, nowMs: number): boolean {
    const { ring, self } = this.#parts.membership
    const isGiven = (partition: number): boolean => {
      const settled = ring.moving.get(partition)?.settled
      return settled !== undefined && !(settled.includes(self) && settled.includes(peer))
    }
    if (ring.moving.size === 0 || !partitions.some(isGiven)) return false
    const sinceMs = this.#dueMs.get(peer) ?? nowMs
    this.#dueMs.set(peer, sinceMs)
    return nowMs - sinceMs < limits.exchangeWaitsMs
  }

  #mayAsk(peer: string): boolean {
    const busy = [...this.#running.values()].some(({ chunk }) => chunk.peer === peer)
    return this.#parts.peers.isUp(peer) && !busy
  }

  #run(exchange: Exchange, step: (out: ExchangeEffect[]) => void): void {
    const out: ExchangeEffect[] = []
    step(out)
    for (const effect of out) this.#perform(exchange, effect)
  }

  #perform(exchange: Exchange, effect: ExchangeEffect): void {
    const { id } = exchange.task
    switch (effect.kind) {
      case 'send':
        this.#departures.send(this.#running.get(id)!, effect)
        return
      case 'merge':
        this.#parts.perform(effect)
        return
      case 'list-segments':
        this.#lister.list(effect, (listed) => this.step(id, listed))
        return
      case 'ended':
        this.#ended(id, effect.outcome)
        return
      default:
        effect satisfies never
    }
  }

  #reply(to: string, message: EntropyMessage): void {
    this.#count(message)
    this.#parts.reply(to, message)
  }

  #count(message: Message): void {
    encodeMessage(this.#writer, message)
    this.counts.bytesSent += this.#writer.length
    this.#writer.clear(KEPT_BYTES)
  }

  #ended(id: number, outcome: ExchangeOutcome): void {
    const { chunk, begun, sake } = this.#running.get(id)!
    const { log, reads } = this.#parts
    const { counts } = this
    this.#running.delete(id)
    reads.leave(begun)
    const { result, pulled, pushed, falseAlarms } = outcome
    if (result === 'same') counts.same++
    else if (result === 'repaired') counts.repaired++
    else counts.brokenOff++
    counts.keysPulled += pulled
    counts.keysPushed += pushed
    counts.falseAlarms += falseAlarms
    if (isWhole(outcome)) this.alike.found(chunk.peer, chunk.chunk)
    if (result !== 'same') log.debug('exchange', { peer: chunk.peer, chunk: chunk.chunk, ...outcome })
    this.#rest(chunk, outcome, sake)
  }
}
