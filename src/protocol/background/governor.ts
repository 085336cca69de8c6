/**
 * How fast background work may go (paper 6.5): by a feedback loop on the 99th percentile of clients' latency. While nobody asks for anything it goes as fast as
 * it can; while it makes clients slower than half as much again as they are without it, it slows down, though never below a rate at which it ends.
 *
 *     a window of answers:   p99 ≤ 1.25 × quiet      the grant grows by a quarter
 *                            p99 > 1.5 × quiet       it shrinks as much as that was missed, to a quarter at most
 *                            hardly any answers      it grows fourfold
 *                            nobody used it          it goes back to where it starts: work that begins anew begins gently
 *
 * The quiet p99 is learned from windows in which background work did next to nothing. Where it has not been quiet for long, one window in thirty is made
 * so: what is quiet at noon is not what was quiet at night. At the least grant it is one in ten, for then clients may be slow by themselves. A window
 * that only happened to be quiet raises what was learned by little: a peer's work may be what is heard in it.
 *
 * The grant is counted in units a second, for each task by itself, so that no task can starve another. A unit is about the work of one client's request. A
 * task asks whether it may go on, and says what it spent; a step that costs more than there was is paid off before the next. No clock, no timers: time comes with `tick`.
 */

import { Durations } from './durations.js'

export const TASKS = ['handoff', 'exchange', 'rebuild', 'trees', 'reaping', 'backup', 'restore'] as const
export type BackgroundTask = (typeof TASKS)[number]

/** What a page of a refill costs whoever asks for it and whoever is asked: up to 64 rows to be read there, and here joined, written and synced. */
export const REFILL_PAGE_UNITS = 32

/** What a page of rows costs that go to others and are let go of here: up to 64 rows, each a write of all its owners and a drop here. */
export const SWEEP_UNITS = 64

export interface GovernorOptions {
  /** Units a second: what a task always gets, and what it gets at most. */
  readonly least: number
  readonly most: number
  /** A window is this long, and longer until it holds enough answers; with too few of them after `longestMs`, nobody is there to be slowed down. */
  readonly windowMs: number
  readonly longestMs: number
}

/** Answers from which a p99 can be told. */
const ENOUGH = 100
/** Fewer a window than this: nobody is there. */
const HARDLY_ANY = 8
const TOO_SLOW = 1.5
const WELL = 1.25
const GROWTH = 1.25
const LARGEST_CUT = 0.25
/** Where a grant starts, in the least: where nobody is there to be slowed down, and where clients keep the node busy. */
const START = 8
const START_BESIDE_CLIENTS = 2
/** Windows without a quiet one after which one is made. */
const LISTEN_EVERY = 30
const LISTEN_AT_LEAST_EVERY = 10
/** Weight of a new quiet window; of the first ones, their share. And of one that only happened to be quiet and was slower. */
const WEIGHT = 1 / 8
const WEIGHT_OF_SLOWER = 1 / 32
/** What may be spent in a quiet window, in parts of what a task always gets. */
const QUIET_SHARE = 1 / 2
/** What is not spent is kept for this long. */
const KEPT_MS = 100

export class Governor {
  readonly #options: GovernorOptions
  #grant: number
  #quietMs = 0
  #quietWindows = 0
  #noisyWindows = 0
  readonly #tokens = new Map<BackgroundTask, number>()
  readonly #spentBy = new Map<BackgroundTask, number>()
  /** Of this window's answers. */
  readonly #answers = new Durations()
  #spent = 0
  #beganMs: number
  #tickedMs: number
  #p99Ms = 0
  /** The last window had enough answers: clients are at work. */
  #isBusy = false
  #listening = false

  constructor(nowMs: number, options: GovernorOptions) {
    this.#options = options
    this.#grant = this.#start
    this.#beganMs = nowMs
    this.#tickedMs = nowMs
    for (const task of TASKS) this.#tokens.set(task, 1)
    for (const task of TASKS) this.#spentBy.set(task, 0)
  }

  /** Units a second for each task. */
  get grant(): number {
    return this.#listening ? 0 : this.#grant
  }

  /** The p99 of clients' requests without background work, in ms; 0 while it is not known. */
  get quietMs(): number {
    return this.#quietMs
  }

  /** That of the last window that had enough answers. */
  get p99Ms(): number {
    return this.#p99Ms
  }

  /** A client's request was served after so long. Cheap: called for each. */
  served(tookMs: number): void {
    this.#answers.add(tookMs)
  }

  /** Units so far. */
  spentBy(task: BackgroundTask): number {
    return this.#spentBy.get(task)!
  }

  /** May this task take a step now? */
  may(task: BackgroundTask): boolean {
    return this.#tokens.get(task)! > 0
  }

  /** It took one, of so many units. */
  spend(task: BackgroundTask, units: number): void {
    this.#tokens.set(task, this.#tokens.get(task)! - units)
    this.#spentBy.set(task, this.spentBy(task) + units)
    this.#spent += units
  }

  /** Both of them. */
  take(task: BackgroundTask, units: number): boolean {
    if (!this.may(task)) return false
    this.spend(task, units)
    return true
  }

  /** Call it often, at the least before background work is looked after. */
  tick(nowMs: number): void {
    const passedMs = Math.max(0, nowMs - this.#tickedMs)
    this.#tickedMs = nowMs
    const { windowMs, longestMs } = this.#options
    const lastedMs = nowMs - this.#beganMs
    const { total } = this.#answers
    const enough = total >= ENOUGH || total < HARDLY_ANY
    if (lastedMs >= longestMs || (lastedMs >= windowMs && enough)) this.#judge(lastedMs, nowMs)
    this.#refill(passedMs)
  }

  /** What was kept under a larger grant goes: a window in which nothing is to be heard begins at once. */
  #refill(passedMs: number): void {
    const { grant } = this
    const most = this.#listening ? 0 : Math.max(1, (grant * KEPT_MS) / 1_000)
    for (const [task, tokens] of this.#tokens)
      this.#tokens.set(task, Math.min(most, tokens + (grant * passedMs) / 1_000))
  }

  #judge(lastedMs: number, nowMs: number): void {
    const { total } = this.#answers
    const known = total >= ENOUGH
    const nobody = total * this.#options.windowMs < HARDLY_ANY * lastedMs
    if (known) this.#p99Ms = this.#answers.quantile(0.99)
    this.#isBusy = known
    const quiet = this.#spent <= (QUIET_SHARE * this.#options.least * lastedMs) / 1_000
    if (known && quiet) this.#learn()
    else if (known) this.#noisyWindows++
    const used = this.#spent >= (this.grant * lastedMs) / 4_000
    const hasListened = this.#listening
    if (hasListened) this.#noisyWindows = 0
    else if (known && !quiet && this.#isTooSlow) this.#cut((this.#spent * 1_000) / lastedMs)
    else if (!used) this.#set(Math.min(this.#grant, this.#start))
    else if (nobody) this.#set(this.#grant * 4)
    else if (known && this.#p99Ms <= WELL * this.#quietMs) this.#set(this.#grant * GROWTH)
    const every = this.#grant > this.#options.least ? LISTEN_EVERY : LISTEN_AT_LEAST_EVERY
    // Once, also when nothing was heard: with fewer requests than a p99 can be told from, every window would be spent listening, and no work would ever be done.
    this.#listening = !hasListened && (this.#noisyWindows >= every || (known && this.#quietWindows === 0))
    this.#answers.clear()
    this.#spent = 0
    this.#beganMs = nowMs
  }

  get #start(): number {
    const start = this.#isBusy ? START_BESIDE_CLIENTS : START
    return Math.min(this.#options.most, this.#options.least * start)
  }

  #learn(): void {
    this.#quietWindows++
    this.#noisyWindows = 0
    const slower = !this.#listening && this.#p99Ms > this.#quietMs
    const weight = Math.max(slower ? WEIGHT_OF_SLOWER : WEIGHT, 1 / this.#quietWindows)
    this.#quietMs += weight * (this.#p99Ms - this.#quietMs)
  }

  get #isTooSlow(): boolean {
    return this.#quietMs > 0 && this.#p99Ms > TOO_SLOW * this.#quietMs
  }

  /** Below what was spent, too: a grant that is larger than what is asked for would be lowered without effect. */
  #cut(spentUnits: number): void {
    const share = (WELL * this.#quietMs) / this.#p99Ms
    this.#set(Math.min(this.#grant, spentUnits) * Math.max(share, LARGEST_CUT))
  }

  #set(grant: number): void {
    this.#grant = Math.min(this.#options.most, Math.max(this.#options.least, grant))
  }
}
