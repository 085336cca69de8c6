/**
 * Is this peer there? One node's opinion of one connected peer, from nothing but its answers: to requests, and to probes on the
 * control socket. What a peer says unasked proves nothing: it may well hear nobody.
 *
 * The measure is silence: how long something has been waiting for the peer's next answer. What silence means depends on the
 * peer, so the detector keeps mean and deviation of how long its answers usually take and asks how improbable a silence as long as
 * this one would be (phi-accrual: Hayashibara et al., 2004):
 *
 *     phi = −log10 P(an answer takes longer than this)        phi ≥ 8: suspected
 *
 *     asked            still silent: probes             phi ≥ 8              an answer
 *     ──┬───────────────┬───┬───┬───────────────────────┬──────────────────────┬──────
 *       up                                              suspected              up
 *
 * Three things keep it honest. A pause that any process may make (a collection, a sync) is forgiven before phi is taken. A silence is
 * counted in looks, not by the clock: when this node itself stood still, nobody else is blamed. And a sample is capped, so
 * that one long outage does not teach the detector to be patient with the next.
 *
 * Suspected means: nothing new waits for it. It is no verdict, nobody else is told, and the first answer ends it. A peer whose
 * connection has gone is `down`; that is not decided here.
 */

/** Improbable by 8 powers of ten: at one silence a second, once in three years by chance. */
const PHI_SUSPECT = 8
/** What every process may take now and then without being asked about it. */
const FORGIVEN_MS = 700
/** A look that comes later than this means that this node stood still itself. */
const LOOK_GAP_MS = 300
const SAMPLE_CAP_MS = 1000
/** Weight of a new sample in mean and variance. */
const WEIGHT = 1 / 8
const FIRST_MEAN_MS = 30
const LEAST_DEVIATION_MS = 10
/** So long after a question without an answer, a probe tells a slow answer from a silent peer. */
const DOUBT_MS = 100
/** Between probes of a peer in doubt or suspected, before jitter. */
const PROBE_MS = 200

/** Late is what 0.1 % of a normal distribution are, within bounds: sooner costs more than it gains, later nobody wants to wait. */
const LATE_DEVIATIONS = 3
const LEAST_LATE_MS = 50
const MOST_LATE_MS = 400

const NEVER = -1

export class Detector {
  #suspected = false
  /** Something was asked since the last answer. */
  #asked = false
  /** When the wait for the next answer was first noticed. */
  #waitingSinceMs = NEVER
  #probeSentMs = NEVER
  #roundTripMs = 0
  #nextRestMs: number
  #nextDoubtMs: number
  #lookedMs: number
  #meanMs = FIRST_MEAN_MS
  #varianceMs2 = FIRST_MEAN_MS * FIRST_MEAN_MS

  constructor(nowMs: number) {
    this.#lookedMs = nowMs
    this.#nextRestMs = nowMs
    this.#nextDoubtMs = nowMs
  }

  get suspected(): boolean {
    return this.#suspected
  }

  /** How long the answer to the last probe took, in ms; 0 before the first. */
  get roundTripMs(): number {
    return this.#roundTripMs
  }

  /** A question is on its way. As cheap as it can be: the clock is read at the next look. */
  ask(): void {
    this.#asked = true
  }

  /** An answer came, to whatever question. True when it ends a suspicion. */
  answered(nowMs: number): boolean {
    if (this.#waitingSinceMs !== NEVER) this.#sample(nowMs - this.#waitingSinceMs)
    this.#waitingSinceMs = NEVER
    this.#asked = false
    const returns = this.#suspected
    this.#suspected = false
    return returns
  }

  /** The answer to a probe. `answered` is called for it as for any. */
  probeAnswered(nowMs: number): void {
    if (this.#probeSentMs !== NEVER) {
      this.#roundTripMs = nowMs - this.#probeSentMs
      this.#sample(this.#roundTripMs)
    }
    this.#probeSentMs = NEVER
  }

  /** Call often. True when the peer has become suspected just now. */
  look(nowMs: number): boolean {
    this.#forgiveOwnPause(nowMs)
    if (!this.#asked) return false
    if (this.#waitingSinceMs === NEVER) this.#waitingSinceMs = nowMs
    if (this.#suspected || this.phi(nowMs) < PHI_SUSPECT) return false
    this.#suspected = true
    return true
  }

  /** Whether a probe should be sent now: at times when nothing is wanted, soon where an answer is late. */
  probeDue(nowMs: number): boolean {
    const inDoubt = this.#waitingSinceMs !== NEVER && nowMs - this.#waitingSinceMs >= DOUBT_MS
    return nowMs >= (inDoubt ? this.#nextDoubtMs : this.#nextRestMs)
  }

  /** A probe is on its way. The next is due after `restMs`, or sooner in doubt; both times `jitter`, which is about 1. */
  probed(nowMs: number, restMs: number, jitter: number): void {
    this.#nextDoubtMs = nowMs + PROBE_MS * jitter
    this.#nextRestMs = nowMs + restMs * jitter
    if (this.#probeSentMs === NEVER) this.#probeSentMs = nowMs
    this.#asked = true
  }

  /** How improbable it is that the peer is merely late; 0 while nothing waits. */
  phi(nowMs: number): number {
    if (this.#waitingSinceMs === NEVER) return 0
    const silenceMs = nowMs - this.#waitingSinceMs - FORGIVEN_MS
    const deviationMs = Math.max(Math.sqrt(this.#varianceMs2), this.#meanMs / 4, LEAST_DEVIATION_MS)
    return -Math.log10(tail((silenceMs - this.#meanMs) / deviationMs))
  }

  /** An answer that takes longer than this is unusual for this peer: worth asking somebody else as well. */
  get lateAfterMs(): number {
    const usualMs = this.#meanMs + LATE_DEVIATIONS * Math.sqrt(this.#varianceMs2)
    return Math.min(Math.max(usualMs, LEAST_LATE_MS), MOST_LATE_MS)
  }

  #sample(ms: number): void {
    const offMs = Math.min(Math.max(ms, 0), SAMPLE_CAP_MS) - this.#meanMs
    this.#meanMs += WEIGHT * offMs
    this.#varianceMs2 = (1 - WEIGHT) * (this.#varianceMs2 + WEIGHT * offMs * offMs)
  }

  #forgiveOwnPause(nowMs: number): void {
    const pausedMs = nowMs - this.#lookedMs - LOOK_GAP_MS
    this.#lookedMs = nowMs
    if (pausedMs <= 0) return
    if (this.#waitingSinceMs !== NEVER) this.#waitingSinceMs += pausedMs
    if (this.#probeSentMs !== NEVER) this.#probeSentMs += pausedMs
  }
}

/** P(X > y) of the standard normal distribution, by the logistic curve that is within 0.0002 of it; never 0. */
function tail(y: number): number {
  return Math.max(1 / (1 + Math.exp(y * (1.5976 + 0.070566 * y * y))), Number.MIN_VALUE)
}
