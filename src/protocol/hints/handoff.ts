/**
 * When which hints are delivered. For each target that answers: pages of its hints in the order of their keys, a few at a time, so
 * that a node that comes back is not knocked over by those who waited for it. After a failure the target is left alone for a
 * while that doubles, with jitter; then its hints are gone through from the start, which loses nothing, because what was delivered
 * is no longer there. For the same reason nothing need be remembered over a restart. How fast it goes beyond that, `grant` says.
 */

/** Deliveries under way to one target, and the bytes that they hold. One larger than that goes alone. */
const AT_ONCE = 32
const BYTES_AT_ONCE = 4 * 1024 * 1024
const FIRST_REST_MS = 250
const LONGEST_REST_MS = 30_000
/** A target that has just come back is given up to this time to breathe; each node draws its own. */
const BREATH_MS = 500
/** After a round through all hints of a target; it doubles with each round that has met one which cannot be read now. */
const ROUND_REST_MS = 1000

export interface HintAt {
  readonly rowKey: Uint8Array
  readonly bytes: number
}

export type HandoffEffect =
  /** Give `page` the next hints of this target, from this key on; from the start where it is undefined. */
  | { readonly kind: 'scan'; readonly target: string; readonly from: Uint8Array | undefined }
  /** Deliver, and tell `ended`. */
  | { readonly kind: 'deliver'; readonly target: string; readonly hint: HintAt }

interface Queue {
  readonly target: string
  hints: HintAt[]
  /** Where the next page begins; undefined: at the start. */
  next: Uint8Array | undefined
  scanning: boolean
  underWay: number
  bytes: number
  /** Rounds in a row in which the target did not take what it was given. */
  failures: number
  failing: boolean
  /** Hints of this round that could not be read, and rounds in a row that had some. */
  stuck: number
  stuckRounds: number
  restUntilMs: number
  away: boolean
}

export class Handoff {
  readonly #queues = new Map<string, Queue>()
  readonly #grant: (bytes: number) => boolean

  /** `grant`: may a hint of so many bytes be delivered now? Asked once for each; one that may not waits for the next tick. */
  constructor(grant: (bytes: number) => boolean = () => true) {
    this.#grant = grant
  }

  /** Something is being read or delivered. */
  get active(): boolean {
    for (const { scanning, underWay, hints } of this.#queues.values())
      if (scanning || underWay > 0 || hints.length > 0) return true
    return false
  }

  /** What is kept for it is on its way or soon will be: it is there, took what it was given last, and nothing was left behind as unreadable. */
  isHanding(target: string): boolean {
    const queue = this.#queues.get(target)
    return queue !== undefined && !queue.away && !queue.failing && queue.stuckRounds === 0
  }

  /** Call often. `targets`: those who have hints here; `chance`: 0 to 1, anew each time. */
  tick(
    nowMs: number,
    targets: Iterable<string>,
    isUp: (target: string) => boolean,
    chance: number,
    out: HandoffEffect[],
  ): void {
    for (const target of targets) {
      const queue = this.#queueOf(target)
      if (!isUp(target)) this.#rest(queue)
      else {
        if (queue.away) queue.restUntilMs = nowMs + BREATH_MS * chance
        queue.away = false
        this.#go(queue, nowMs, out)
      }
    }
  }

  /** The page asked for; `next`: where the following one begins, undefined when this was the last. */
  page(
    target: string,
    hints: readonly HintAt[],
    next: Uint8Array | undefined,
    nowMs: number,
    out: HandoffEffect[],
  ): void {
    const queue = this.#queueOf(target)
    queue.scanning = false
    if (queue.away) return
    queue.hints.push(...hints)
    queue.next = next
    if (next === undefined) this.#roundDone(queue, nowMs)
    this.#deliver(queue, out)
  }

  /** `stuck`: what is kept cannot be read now; the others go on. `failed`: the target did not take it. */
  ended(
    target: string,
    { bytes }: HintAt,
    outcome: 'done' | 'stuck' | 'failed',
    nowMs: number,
    chance: number,
    out: HandoffEffect[],
  ): void {
    const queue = this.#queueOf(target)
    queue.underWay--
    queue.bytes -= bytes
    if (outcome === 'stuck') queue.stuck++
    if (outcome !== 'failed') {
      queue.failures = 0
      this.#deliver(queue, out)
      return
    }
    this.#failed(queue, nowMs, chance)
  }

  /** All that are under way may fail together: that is one failure. */
  #failed(queue: Queue, nowMs: number, chance: number): void {
    queue.hints = []
    queue.next = undefined
    queue.stuck = 0
    if (queue.failing) return
    queue.failing = true
    const restMs = Math.min(LONGEST_REST_MS, FIRST_REST_MS * 2 ** Math.min(queue.failures, 16))
    queue.failures++
    queue.restUntilMs = Math.max(queue.restUntilMs, nowMs + restMs * (0.5 + chance))
  }

  #roundDone(queue: Queue, nowMs: number): void {
    queue.stuckRounds = queue.stuck > 0 ? queue.stuckRounds + 1 : 0
    queue.stuck = 0
    const restMs = Math.min(LONGEST_REST_MS, ROUND_REST_MS * 2 ** Math.min(queue.stuckRounds, 16))
    queue.restUntilMs = Math.max(queue.restUntilMs, nowMs + restMs)
  }

  #queueOf(target: string): Queue {
    const known = this.#queues.get(target)
    if (known !== undefined) return known
    const queue: Queue = {
      target,
      hints: [],
      next: undefined,
      scanning: false,
      underWay: 0,
      bytes: 0,
      failures: 0,
      failing: false,
      stuck: 0,
      stuckRounds: 0,
      restUntilMs: 0,
      away: true,
    }
    this.#queues.set(target, queue)
    return queue
  }

  #rest(queue: Queue): void {
    queue.away = true
    queue.hints = []
    queue.next = undefined
    queue.failures = 0
  }

  #go(queue: Queue, nowMs: number, out: HandoffEffect[]): void {
    const { hints, underWay, scanning, next, target } = queue
    if (hints.length > 0) this.#deliver(queue, out)
    else if (underWay === 0 && !scanning && (next !== undefined || nowMs >= queue.restUntilMs)) {
      queue.scanning = true
      queue.failing = false
      out.push({ kind: 'scan', target, from: next })
    }
  }

  #deliver(queue: Queue, out: HandoffEffect[]): void {
    while (queue.underWay < AT_ONCE) {
      const hint = queue.hints[0]
      if (hint === undefined || (queue.underWay > 0 && queue.bytes + hint.bytes > BYTES_AT_ONCE)) return
      if (!this.#grant(hint.bytes)) return
      queue.hints.shift()
      queue.underWay++
      queue.bytes += hint.bytes
      out.push({ kind: 'deliver', target: queue.target, hint })
    }
  }
}
