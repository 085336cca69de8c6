/**
 * How many bytes of rows a second leave this node at most so that others have them, where an operator has set that. It stands beside the governor, which
 * knows what clients leave room for, but nothing of a network that others use as well.
 *
 *     tokens, one for each byte      fill at the rate, up to a quarter second's worth
 *     whatever leaves                is paid for as a whole, and may leave a debt that is paid off before anything else goes
 *
 * So the largest row goes too, and within t seconds there leave at most rate × (t + ¼) bytes and one departure. What has to wait does so in lanes, one for each
 * kind of work, and the lanes take turns: thousands of rows that this node gives cannot keep the answer waiting for which a peer has only so much patience.
 * Within a lane the order stays. Without a rate everything leaves at once. No clock, no timers: time comes with `tick`.
 */

/** What is filled: by rows that this node gives, that a peer has asked for, by pages of whole ranges, and by rows that this node lets go of. */
export const LANES = ['given', 'asked', 'pages', 'swept'] as const
export type Lane = (typeof LANES)[number]

export interface Departure {
  /** It is its turn, and paid for. */
  leave(): void
  /** Asked before it leaves: somebody still waits for it. Without, it always leaves. */
  isWanted?(): boolean
  /** In the place of `leave`, when nobody does. */
  drop?(): void
}

interface Waiting {
  readonly bytes: number
  readonly departure: Departure
}

/** What is not used is kept for this long. */
const KEPT_MS = 250
/** What is gathered before it leaves in one piece is worth so long, so that many peers can be answered within their patience. */
const PIECE_MS = 125

export class ByteRate {
  /** Bytes gathered in one piece: Infinity without a rate. One larger row goes alone. */
  readonly pieceBytes: number
  readonly #perMs: number | undefined
  readonly #lanes = new Map<Lane, Waiting[]>(LANES.map((lane) => [lane, []]))
  /** Lanes to which a turn was given that they have not taken yet. */
  readonly #turns = new Set<Lane>()
  readonly #asking = new Set<Lane>()
  /** Of the lane whose turn it is. */
  #next = 0
  #tokens: number
  #tickedMs: number

  /** `perSecond`: undefined = as fast as anybody likes. */
  constructor(nowMs: number, perSecond: number | undefined) {
    this.#perMs = perSecond === undefined ? undefined : perSecond / 1_000
    this.pieceBytes = perSecond === undefined ? Number.POSITIVE_INFINITY : (perSecond * PIECE_MS) / 1_000
    this.#tokens = (this.#perMs ?? 0) * KEPT_MS
    this.#tickedMs = nowMs
  }

  get isWaiting(): boolean {
    return [...this.#lanes.values()].some((lane) => lane.length > 0)
  }

  /** Leaves within this call, or later within a `tick`. The lane's user bounds how much waits in it. */
  depart(lane: Lane, bytes: number, departure: Departure): void {
    if (this.#perMs === undefined) departure.leave()
    else if (this.#tokens > 0 && !this.isWaiting) this.#leave({ bytes, departure })
    else this.#lanes.get(lane)!.push({ bytes, departure })
  }

  /** For work that finds out only later how many bytes leave: may it begin? It says so with `spend`. If not, it waits for its turn: ask again. */
  turn(lane: Lane): boolean {
    if (this.#turns.delete(lane)) return true
    if (this.#asking.has(lane)) return false
    this.#asking.add(lane)
    const granted = () => {
      this.#asking.delete(lane)
      this.#turns.add(lane)
    }
    this.depart(lane, 0, { leave: granted })
    return this.#turns.delete(lane)
  }

  /** So many bytes have left. */
  spend(bytes: number): void {
    if (this.#perMs !== undefined) this.#tokens -= bytes
  }

  /** Call often. */
  tick(nowMs: number): void {
    if (this.#perMs === undefined) return
    const passedMs = Math.max(0, nowMs - this.#tickedMs)
    this.#tickedMs = nowMs
    this.#tokens = Math.min(this.#perMs * KEPT_MS, this.#tokens + this.#perMs * passedMs)
    while (this.#tokens > 0) {
      const next = this.#take()
      if (next === undefined) return
      this.#leave(next)
    }
  }

  /** The first of the next lane in turn in which somebody waits. */
  #take(): Waiting | undefined {
    for (let looked = 0; looked < LANES.length; looked++) {
      const lane = this.#lanes.get(LANES[this.#next]!)!
      this.#next = (this.#next + 1) % LANES.length
      const first = lane.shift()
      if (first !== undefined) return first
    }
    return undefined
  }

  #leave({ bytes, departure }: Waiting): void {
    if (departure.isWanted?.() === false) departure.drop?.()
    else {
      this.spend(bytes)
      departure.leave()
    }
  }
}
