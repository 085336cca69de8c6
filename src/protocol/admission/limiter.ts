/**
 * How many requests of clients may be in progress at a time, found out by how long input waits before work on it begins.
 *
 * A queue that drains does good: it keeps the node busy over a gap. One that stands does nothing but make everybody late (the distinction is
 * CoDel's: Nichols and Jacobson, 2012). So what counts is not how long the wait ever was but what it was throughout an interval: the mean of many looks, none of
 * which counts for more than four times the target. A burst that is worked off soon, or a collection of garbage, costs nobody a refusal. (The least of
 * an interval, which CoDel takes, says nothing here: an event loop serves all that waits in one turn, and whoever comes first in the next has not waited.)
 *
 *     looks        ..||||||||.|||||||......        | = input waited for longer than the target
 *     intervals    [ stands ][ stands ][ drains ]
 *     limit        10000 ─▶ 90 ─▶ 63 ─▶ 71 …        of 120 requests that were in progress
 *
 * A queue that stands shrinks the limit, from what was in progress, by as much as the target was missed (at most by half); one that does not lets
 * it grow: by its square root while it holds requests back, by half of itself while it does not. A limit that has just been lowered is judged only
 * when what was in progress has come down to it: the queue that is left over from before says nothing about it.
 */

export interface LimiterOptions {
  /** How long input may wait, for as long as it likes. */
  readonly targetMs: number
  /** Over how long it is judged. */
  readonly intervalMs: number
  /** The limit is never below this; at least 1. */
  readonly least: number
  /** Nor above this; where it begins. */
  readonly most: number
}

/** An interval ends with no fewer looks than this. */
const LEAST_LOOKS = 4
/** Targets that one look may count for. */
const CAP = 4
const LARGEST_STEP = 0.95
const GROWTH = 1.5

export class Limiter {
  readonly #options: LimiterOptions
  readonly #least: number
  #limit: number
  /** Of the interval under way. */
  #beganMs: number
  #looks = 0
  #waitedMs = 0
  #peak = 0
  #lowest = 0
  #held = false
  /** In progress when last asked. */
  #inProgress = 0

  constructor(nowMs: number, options: LimiterOptions) {
    this.#options = options
    this.#least = Math.max(1, Math.min(Math.floor(options.least), options.most))
    this.#limit = Math.max(this.#least, options.most)
    this.#beganMs = nowMs
  }

  /** Whole, from `least` (never below 1) to `most`. */
  get limit(): number {
    return this.#limit
  }

  /** May one more begin beside `inProgress`? Cheap: it is asked for every request, before anything else is done for it. */
  admits(inProgress: number): boolean {
    const admitted = inProgress < this.#limit
    this.#inProgress = inProgress
    if (!admitted) this.#held = true
    if (inProgress > this.#peak) this.#peak = inProgress
    if (inProgress < this.#lowest) this.#lowest = inProgress
    return admitted
  }

  /** A look: input that is taken now has waited so long. Call it often. True when the limit has changed. */
  look(waitedMs: number, nowMs: number): boolean {
    this.#looks++
    this.#waitedMs += Math.min(waitedMs, CAP * this.#options.targetMs)
    if (this.#looks < LEAST_LOOKS || nowMs - this.#beganMs < this.#options.intervalMs) return false
    const before = this.#limit
    this.#judge()
    this.#beganMs = nowMs
    this.#looks = 0
    this.#waitedMs = 0
    this.#peak = this.#inProgress
    this.#lowest = this.#inProgress
    this.#held = false
    return this.#limit !== before
  }

  #judge(): void {
    const meanMs = this.#waitedMs / this.#looks
    const stands = meanMs > this.#options.targetMs
    if (stands && this.#lowest > this.#limit) return
    if (stands) this.#set(Math.floor(Math.min(this.#limit, this.#peak + 1) * this.#step(meanMs)))
    else if (this.#held) this.#set(this.#limit + Math.ceil(Math.sqrt(this.#limit)))
    else this.#set(Math.ceil(this.#limit * GROWTH))
  }

  /** By how much the target was missed. The square root: half of what waits is not this node's to shorten, but the answers of its peers. */
  #step(meanMs: number): number {
    return Math.min(LARGEST_STEP, Math.sqrt(this.#options.targetMs / meanMs))
  }

  #set(limit: number): void {
    this.#limit = Math.max(this.#least, Math.min(limit, this.#options.most))
  }
}
