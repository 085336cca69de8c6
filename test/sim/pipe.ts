/**
 * One channel of one connection in one direction. Frames arrive in order, as over TCP: one that was overtaken on the way is
 * kept until those before it are here. While the link is cut they wait; when the connection breaks, whatever has not arrived
 * is lost, and the sender cannot know how much that is.
 */
import { damaged } from './damage.js'
import type { Link } from './link.js'
import type { Timeline } from './timeline.js'

/** Gives a frame to the receiving process; `taken` is called when the process has read it. */
export type Receive = (frame: Uint8Array, taken: () => void) => void

interface Flight {
  readonly frame: Uint8Array
  /** Its number among all frames launched here. */
  readonly number: number
  /** Small frames arrive in order among themselves. */
  readonly ordered: boolean
  /** It overtakes nothing at all. */
  readonly last: boolean
  /** How many ordered frames must have been handed over before it; 0 for one that keeps no order. */
  readonly after: number
}

/** Frames up to this size travel in one piece; smaller ones sent after a larger one pass between its pieces. */
const PIECE_BYTES = 65_524

export class Pipe {
  readonly #timeline: Timeline
  readonly #link: Link
  readonly #label: string
  readonly #receive: Receive
  /** A damaged frame was noticed. */
  readonly #spoiled: () => void
  #early: Flight[] = []
  #stalled: Flight[] = []
  readonly #outstanding = new Set<number>()
  #launched = 0
  #sent = 0
  #arrived = 0
  #unreadBytes = 0
  #closed = false

  constructor(timeline: Timeline, link: Link, label: string, receive: Receive, spoiled: () => void) {
    this.#timeline = timeline
    this.#link = link
    this.#label = label
    this.#receive = receive
    this.#spoiled = spoiled
  }

  /** Bytes sent and not yet read at the other end. */
  get unreadBytes(): number {
    return this.#unreadBytes
  }

  /** With `inOrder` everything sent before has arrived when the frame arrives. */
  send(frame: Uint8Array, inOrder: boolean): void {
    if (this.#closed) this.#unreadBytes += frame.length
    if (this.#closed || this.#link.drops()) return
    const overtakes = this.#link.overtakes()
    const ordered = !overtakes && (inOrder || frame.length <= PIECE_BYTES)
    this.#begin(frame, ordered, inOrder && !overtakes, overtakes ? 0 : this.#sent)
    if (ordered) this.#sent += 1
    if (this.#link.repeats()) this.#begin(Uint8Array.from(frame), false, false, 0)
  }

  /** The link is whole again: what waited sets out anew. */
  resume(): void {
    const stalled = this.#stalled
    this.#stalled = []
    for (const flight of stalled) this.#launch(flight)
  }

  /** The connection is broken; nothing more arrives. */
  close(): void {
    this.#closed = true
    this.#stalled = []
    this.#early = []
  }

  #begin(frame: Uint8Array, ordered: boolean, last: boolean, after: number): void {
    this.#unreadBytes += frame.length
    const flight = { frame, number: this.#launched++, ordered, last, after }
    this.#outstanding.add(flight.number)
    this.#launch(flight)
  }

  #launch(flight: Flight): void {
    const delayMs = this.#link.delayMs(flight.frame.length)
    this.#timeline.after(delayMs, this.#label, () => this.#arrive(flight))
  }

  #arrive(flight: Flight): void {
    if (this.#closed) return
    if (this.#link.cut) {
      this.#stalled.push(flight)
      return
    }
    this.#early.push(flight)
    let ready = this.#takeReady()
    while (ready !== undefined && !this.#closed) {
      if (ready.ordered) this.#arrived += 1
      this.#outstanding.delete(ready.number)
      this.#hand(ready.frame)
      ready = this.#takeReady()
    }
  }

  #takeReady(): Flight | undefined {
    const at = this.#early.findIndex((flight) => this.#isReady(flight))
    return at < 0 ? undefined : this.#early.splice(at, 1)[0]
  }

  #isReady(flight: Flight): boolean {
    if (flight.last) {
      for (const number of this.#outstanding) if (number < flight.number) return false
    }
    return flight.ordered ? flight.after === this.#arrived : flight.after <= this.#arrived
  }

  #hand(frame: Uint8Array): void {
    const seen = this.#link.damages() ? damaged(frame, this.#link.prng) : frame
    if (seen === undefined) {
      this.#spoiled()
      return
    }
    this.#timeline.trace.bytes(seen)
    this.#receive(seen, () => {
      this.#unreadBytes -= frame.length
    })
  }
}
