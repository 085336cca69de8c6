/**
 * Reaping of this node: conducts rounds for the tombstones whose first owner it is, as fast as the governor grants; answers those of others, and says who
 * stops it.
 */
import { digestOf } from '../kernel/index.js'
import { limits } from '../limits.js'
import type { Clock } from '../ports/clock.js'
import type { Log } from '../ports/log.js'
import type { Random } from '../ports/random.js'
import type { Governor } from '../protocol/background/governor.js'
import type { Effect, Input } from '../protocol/effects.js'
import { presentMembers } from '../protocol/membership/state.js'
import { Flush, type FlushEffect } from '../protocol/reaping/flush.js'
import { ReapHistory } from '../protocol/reaping/history.js'
import {
  type ReapCandidate,
  type ReapEffect,
  type ReapOutcome,
  type ReapRefusal,
  ReapRound,
} from '../protocol/reaping/round.js'
import type { Message } from '../wire/messages.js'
import type { Lost } from './guard/index.js'
import type { RunningOptions } from './options.js'
import { readEach } from './read-each.js'
import { ReapAnswers, type ReapAnswersParts } from './reap-answers.js'
import type { LocalRow } from './replica.js'
import type { Tombstone } from './tombstones.js'

/** What a page of the scan for tombstones costs: as a page of a tree's scan. */
const SCAN_UNITS = 8
/** What each member reads for a round, and what its owners write at its end: a put is one write on each of them, too. */
const LOOKS_OF_A_UNIT = 8
const DROPS_OF_A_UNIT = 2
/** Keys of a round under the least grant: a look at more of them would be felt. */
const LEAST_KEYS = 32
/** So much of a second's grant may go into one round. */
const SHARE_OF_GRANT = 1 / 8

export interface ReaperParts extends Omit<ReapAnswersParts, 'flush' | 'now' | 'history'> {
  readonly clock: Clock
  readonly random: Random
  readonly log: Log
  readonly peers: { isUp(id: string): boolean }
  readonly governor: Governor
  /** Between two rounds, about; 0 = this node conducts none. */
  readonly everyMs: number
  /** So long a tombstone is left alone. */
  readonly afterMs: number
  /** And so long a value whose clock has too much to spare. */
  readonly shedAfterMs: number
  /** What is known of rounds so far; undefined: none are remembered. */
  readonly begun: ReapHistory | undefined
  perform(effect: Extract<Effect, { kind: 'send' }>): void
}

/** A member because of which tombstones stay, and why. */
export interface StoppedBy {
  readonly member: string
  readonly reason: 'away' | 'silent' | 'rebuilding' | 'restarted' | 'unavailable'
}

export class Reaper {
  readonly counts = { rounds: 0, stopped: 0, reaped: 0, shed: 0 }
  readonly #parts: ReaperParts
  readonly #answers: ReapAnswers
  #round: ReapRound | undefined
  /** Candidates are being read. */
  #looking = false
  #flush: Flush | undefined
  #flushing: ((complete: boolean) => void)[] = []
  /** Asked for while a flush was under way, which may have left already. */
  #flushNext: ((complete: boolean) => void)[] = []
  #nextMs = 0
  #stoppedBy: readonly StoppedBy[] = []
  #history: ReapHistory | undefined

  constructor(parts: ReaperParts) {
    this.#parts = parts
    this.#history = parts.begun
    const now = () => parts.clock.monotonicMs()
    const own = { now, history: () => this.#history }
    this.#answers = new ReapAnswers({ ...parts, ...own, flush: (done) => this.#flushAll(done) })
    if (this.#history !== undefined) this.#answers.keep(this.#history, () => {})
  }

  /** For which keys this node has vouched; undefined: that is not remembered. */
  get history(): ReapHistory | undefined {
    return this.#history
  }

  /** The storage was opened again. With rows, what was written down of rounds may have gone: what is known from now on has another name. */
  reopened(lost: Lost): void {
    const { replica, random } = this.#parts
    replica.tombstones.restart()
    if (this.#history === undefined || lost === 'nothing') return
    const { boot } = this.#history
    this.#history = new ReapHistory(Buffer.from(random.bytes(8)).toString('hex'), false, boot)
    this.#answers.keep(this.#history, () => {})
  }

  /** Who keeps this node's tombstones from being reaped, as the last attempt found. */
  get stoppedBy(): readonly StoppedBy[] {
    return this.#parts.replica.tombstones.count > 0 ? this.#stoppedBy : []
  }

  get isBusy(): boolean {
    return this.#round !== undefined || this.#flush !== undefined
  }

  owns(id: number): boolean {
    return this.#round?.task.id === id || this.#flush?.id === id
  }

  step(id: number, input: Input): void {
    const [round, flush] = [this.#round, this.#flush]
    if (round?.task.id === id) this.#run((out) => round.step(input, out))
    if (flush?.id === id) this.#runFlush((out) => flush.step(input, out))
  }

  away(input: Input & { kind: 'lost' | 'suspected' }): void {
    const [round, flush] = [this.#round, this.#flush]
    if (round !== undefined) this.#run((out) => round.step(input, out))
    if (flush !== undefined) this.#runFlush((out) => flush.step(input, out))
  }

  /** True for a message of a round that a member conducts, or of its flush. */
  answer(from: string, message: Message): boolean {
    const { slices } = this.#parts.guard
    switch (message.type) {
      case 48:
        slices.run('reaping', () => this.#answers.ask(from, message))
        return true
      case 50:
        slices.run('reaping', () => this.#answers.agree(from, message))
        return true
      case 51:
        slices.run('reaping', () => this.#answers.drop(from, message))
        return true
      case 53:
        this.#parts.reply(from, { type: 54, id: message.id })
        return true
      default:
        return false
    }
  }

  /** What became of a row that was to go. */
  settled(ticket: number, gone: boolean): void {
    this.#answers.settled(ticket, gone)
  }

  /** Another membership is in force: whoever has answered has answered under the old one. */
  adopted(): void {
    const round = this.#round
    if (round !== undefined) this.#run((out) => round.abandon(out))
  }

  tick(nowMs: number): void {
    const { replica, everyMs, random, governor } = this.#parts
    const [round, flush] = [this.#round, this.#flush]
    replica.marks.tick(nowMs)
    if (flush !== undefined) this.#runFlush((out) => flush.tick(nowMs, out))
    if (round !== undefined) this.#run((out) => round.tick(nowMs, out))
    if (everyMs === 0) return
    replica.tombstones.tick(nowMs, () => governor.take('reaping', SCAN_UNITS))
    if (this.#round !== undefined || this.#looking || nowMs < this.#nextMs) return
    if (replica.tombstones.count + replica.tombstones.crowded === 0 || !governor.may('reaping')) return
    // Drawn only where there is something to do, and never in step with the others.
    this.#nextMs = nowMs + everyMs * (0.5 + random.below(1024) / 1024)
    this.#begin()
  }

  #begin(): void {
    const { replica, membership, guard, afterMs, shedAfterMs } = this.#parts
    if (guard.state !== 'open' || !membership.confirmed) return
    this.#stoppedBy = this.#absent()
    if (this.#stoppedBy.length > 0) return
    const { ring, self } = membership
    // What is on its way to other owners waits until it is there.
    const isMine = (rowKey: Uint8Array) =>
      ring.ownersOf(rowKey)[0] === self && !ring.moving.has(ring.partitionOf(rowKey))
    const due = replica.tombstones.due({ afterMs, shedAfterMs, most: this.#keysOfARound }, isMine)
    if (due.length === 0) {
      if (replica.tombstones.isWalking) this.#nextMs = 0
      return
    }
    this.#looking = true
    const keys: ReapCandidate[] = []
    readEach(
      this.#parts,
      due.map(({ rowKey }) => rowKey),
      {
        kind: 'reaping',
        each: (row, index) => void keys.push(...this.#candidate(due[index]!, row)),
        done: () => {
          this.#looking = false
          if (keys.length > 0) this.#conduct(keys)
        },
      },
    )
  }

  get #keysOfARound(): number {
    return Math.min(limits.reapKeys, Math.max(LEAST_KEYS, this.#parts.governor.grant * SHARE_OF_GRANT))
  }

  /** Members that a round need not even be begun without. */
  #absent(): StoppedBy[] {
    const { membership, peers } = this.#parts
    return presentMembers(membership.state).flatMap(({ id, incomplete }) => {
      const isHere = id === membership.self || peers.isUp(id)
      if (isHere && !incomplete) return []
      return [{ member: id, reason: isHere ? 'rebuilding' : 'away' }]
    })
  }

  #candidate(tombstone: Tombstone, { object, known, incomplete }: LocalRow): ReapCandidate[] {
    const { replica, membership } = this.#parts
    tombstone.sinceMs = replica.tombstones.nowMs
    if (!known || incomplete) return []
    if (object === undefined || replica.tombstones.kindOf(object) === undefined) {
      replica.tombstones.forget(tombstone.rowKey)
      return []
    }
    const digest = digestOf(object)
    const { rowKey, isLive } = tombstone
    return [{ rowKey, isLive, digest, owners: membership.ring.ownersOf(rowKey) }]
  }

  #conduct(keys: readonly ReapCandidate[]): void {
    const { membership, conversations, clock } = this.#parts
    const id = conversations.nextId()
    const members = presentMembers(membership.state).map((member) => member.id)
    const deadlineMs = clock.monotonicMs() + limits.reapRoundMs
    const { self, digest: state } = membership
    const round = new ReapRound({ id, self, members, state, keys, deadlineMs })
    this.#round = round
    this.counts.rounds++
    this.#parts.governor.spend('reaping', 1 + keys.length / LOOKS_OF_A_UNIT)
    this.#run((out) => round.start(out))
  }

  #run(step: (out: ReapEffect[]) => void): void {
    const out: ReapEffect[] = []
    step(out)
    for (const effect of out) {
      if (effect.kind === 'send') this.#parts.perform(effect)
      else this.#ended(effect.outcome)
    }
  }

  #ended({ reaped, stoppedBy }: ReapOutcome): void {
    const { log } = this.#parts
    const keys = this.#round?.task.keys ?? []
    const shed = reaped.filter((index) => keys[index]?.isLive === true).length
    this.#round = undefined
    this.#stoppedBy = stoppedBy.map(({ member, reason }) => ({ member, reason: inWords(reason) }))
    this.counts.reaped += reaped.length - shed
    this.counts.shed += shed
    this.#parts.governor.spend('reaping', reaped.length / DROPS_OF_A_UNIT)
    if (stoppedBy.length > 0) {
      this.counts.stopped++
      const by = stoppedBy.map(({ member, reason }) => `${member}: ${reason}`)
      log.debug('reaping-stopped', { by: by.join(', ') })
    } else if (reaped.length > 0) {
      log.debug('reaped', { keys: reaped.length })
      // There may be more.
      this.#nextMs = 0
    }
  }

  /** One flush at a time; whoever asks while it is under way gets the next one. */
  #flushAll(done: (complete: boolean) => void): void {
    if (this.#flush !== undefined) {
      this.#flushNext.push(done)
      return
    }
    const { membership, conversations, clock } = this.#parts
    const others = presentMembers(membership.state).flatMap(({ id }) => (id === membership.self ? [] : [id]))
    const flush = new Flush(conversations.nextId(), others, clock.monotonicMs() + limits.reapFlushMs)
    this.#flush = flush
    this.#flushing.push(done)
    this.#runFlush((out) => flush.start(out))
  }

  #runFlush(step: (out: FlushEffect[]) => void): void {
    const out: FlushEffect[] = []
    step(out)
    for (const effect of out) {
      if (effect.kind === 'send') this.#parts.perform(effect)
      else this.#flushed(effect.complete)
    }
  }

  #flushed(complete: boolean): void {
    const flushed = this.#flushing
    const next = this.#flushNext
    this.#flush = undefined
    this.#flushing = []
    this.#flushNext = []
    for (const done of flushed) done(complete)
    for (const done of next) this.#flushAll(done)
  }
}

function inWords(refusal: ReapRefusal): StoppedBy['reason'] {
  if (refusal === 'away' || refusal === 'silent') return refusal
  // It knows nothing of the round that it was part of.
  return refusal === 'missing' ? 'restarted' : 'unavailable'
}

export function reapingTimes(
  options: RunningOptions,
): Pick<ReaperParts, 'everyMs' | 'afterMs' | 'shedAfterMs'> {
  const { reapEveryMs = limits.reapEveryMs, reapAfterMs = limits.reapAfterMs } = options
  const { shedAfterMs = limits.shedAfterMs } = options
  return { everyMs: reapEveryMs, afterMs: reapAfterMs, shedAfterMs }
}
