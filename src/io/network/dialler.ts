import type { Clock } from '../../ports/clock.js'
import { Attempt, type Outcome, type Surroundings } from './attempt.js'
import { Backoff } from './backoff.js'

export interface DiallerListener {
  /** An attempt failed. Not called where another link of the same two nodes won. */
  dialFailed(dialler: Dialler, outcome: Outcome & { readonly kind: 'failed' }): void
  /** It is known which node lives at the address: it is linked, or a link with it is under way. */
  reached(dialler: Dialler, peerId: string): void
}

/**
 * Keeps dialling one address until there is a link with the node that lives there; rests while that link is there; begins
 * again, with backoff, when it is gone.
 */
export class Dialler {
  readonly address: string
  readonly #expectedId: string | undefined
  readonly #around: Surroundings
  readonly #listener: DiallerListener
  readonly #clock: Clock
  readonly #backoff: Backoff
  #reachedId: string | undefined
  #attempt: Attempt | undefined
  #timer: NodeJS.Timeout | undefined
  #stopped = false

  /** `expectedId` is the node that must live there; `undefined` takes whoever does. */
  constructor(
    around: Surroundings,
    listener: DiallerListener,
    clock: Clock,
    address: string,
    expectedId?: string,
  ) {
    this.address = address
    this.#expectedId = expectedId
    this.#around = around
    this.#listener = listener
    this.#clock = clock
    const { backoffLeastMs, backoffMostMs } = around.timing
    this.#backoff = new Backoff({ leastMs: backoffLeastMs, mostMs: backoffMostMs }, around.random)
  }

  /** The node that lives there, as far as known. */
  get peerId(): string | undefined {
    return this.#expectedId ?? this.#reachedId
  }

  /** Dials now, unless there is a link, or an attempt is under way. */
  dialNow(): void {
    this.#clearTimer()
    if (this.#stopped || this.#attempt !== undefined || this.#linked()) return
    this.#attempt = new Attempt(this.#around, this.address, this.#expectedId, (outcome) =>
      this.#over(outcome),
    )
    this.#attempt.start()
  }

  /** The link with this node is gone; it was made at `sinceMs` (monotonic), or never complete. */
  linkLost(sinceMs: number | undefined): void {
    if (sinceMs !== undefined && this.#clock.monotonicMs() - sinceMs >= this.#around.timing.stableMs)
      this.#backoff.reset()
    this.#dialLater()
  }

  stop(): void {
    this.#stopped = true
    this.#clearTimer()
    this.#attempt?.abort()
  }

  #over(outcome: Outcome): void {
    this.#attempt = undefined
    switch (outcome.kind) {
      case 'linked':
        this.#found(outcome.peerId)
        return
      case 'held':
        this.#found(outcome.peerId)
        if (!this.#linked()) this.#dialLater()
        return
      case 'failed':
        if (outcome.reason !== 'duplicate') this.#listener.dialFailed(this, outcome)
        else if (outcome.peerId !== undefined) this.#found(outcome.peerId)
        this.#dialLater()
        return
      case 'aborted':
        return
      default:
        outcome satisfies never
    }
  }

  #found(peerId: string): void {
    this.#reachedId = peerId
    this.#listener.reached(this, peerId)
  }

  #linked(): boolean {
    return this.peerId !== undefined && this.#around.links.get(this.peerId) !== undefined
  }

  #dialLater(): void {
    if (this.#stopped || this.#attempt !== undefined || this.#timer !== undefined) return
    this.#timer = setTimeout(() => this.dialNow(), this.#backoff.nextMs())
    this.#timer.unref()
  }

  #clearTimer(): void {
    clearTimeout(this.#timer)
    this.#timer = undefined
  }
}
