/**
 * How long that takes which peers ask here for their clients. A node that clients do not talk to serves them all the same: without this it would take itself for
 * idle, and do its work in the background as fast as it can.
 *
 * One in four is timed, and one that is overtaken by sixty-four others is forgotten: a distribution is wanted, and no memory.
 */
import type { Clock } from '../ports/clock.js'

const TIMED_MASK = 3
const SLOTS = 64

export class PeerService {
  readonly #clock: Clock
  readonly #served: (tookMs: number) => void
  readonly #peers: string[] = Array.from({ length: SLOTS }, () => '')
  readonly #ids = new Float64Array(SLOTS)
  readonly #beganMs = new Float64Array(SLOTS)
  #count = 0
  #slot = 0

  constructor(clock: Clock, served: (tookMs: number) => void) {
    this.#clock = clock
    this.#served = served
  }

  /** A peer's message of that number is being worked on. */
  began(peer: string, id: number): void {
    if ((this.#count++ & TIMED_MASK) !== 0) return
    this.#slot = (this.#slot + 1) % SLOTS
    this.#peers[this.#slot] = peer
    this.#ids[this.#slot] = id
    this.#beganMs[this.#slot] = this.#clock.monotonicMs()
  }

  /** It was answered; for one that was not timed nothing happens. */
  ended(peer: string, id: number): void {
    const slot = this.#ids.indexOf(id)
    if (slot < 0 || this.#peers[slot] !== peer) return
    this.#peers[slot] = ''
    this.#served(this.#clock.monotonicMs() - this.#beganMs[slot]!)
  }
}
