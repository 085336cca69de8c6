/**
 * Rows on their way out of this node so that others have them: new owners, and replicas that are filled or repaired. All of them pass here, so that they are counted once and leave
 * no faster than an operator allows (`--transfer-rate`). What clients' requests send is no matter of this.
 */
import { ByteRate, type Departure, type Lane } from '../protocol/background/byte-rate.js'
import type { Membership } from '../protocol/membership/membership.js'

export interface OutgoingRow {
  readonly rowKey: Uint8Array
  readonly object: Uint8Array
}

export class Outflow {
  /** Of partitions that move, and of those that this node lets go of; a row that is sent to two nodes counts twice. */
  rowsSent = 0
  bytesSent = 0
  readonly #membership: Pick<Membership, 'ring'>
  readonly #rate: ByteRate

  constructor(membership: Pick<Membership, 'ring'>, nowMs: number, bytesPerSecond: number | undefined) {
    this.#membership = membership
    this.#rate = new ByteRate(nowMs, bytesPerSecond)
  }

  /** Bytes of rows that are best gathered for one departure. */
  get pieceBytes(): number {
    return this.#rate.pieceBytes
  }

  /** Something waits for its turn. */
  get isWaiting(): boolean {
    return this.#rate.isWaiting
  }

  /** Call often. */
  tick(nowMs: number): void {
    this.#rate.tick(nowMs)
  }

  /** These rows leave together, now or when it is their turn. */
  send(lane: Exclude<Lane, 'swept'>, rows: readonly OutgoingRow[], departure: Departure): void {
    const leave = () => {
      this.#countMoving(rows)
      departure.leave()
    }
    const bytes = rows.reduce((sum, row) => sum + bytesOf(row), 0)
    this.#rate.depart(lane, bytes, { ...departure, leave })
  }

  /** May a page of rows be looked at that go to others and are let go of here? Its rows must not grow old here: they leave in the turn in which they were read. */
  maySweep(): boolean {
    return this.#rate.turn('swept')
  }

  /** Such a row has left, for so many nodes. */
  swept(row: OutgoingRow, nodes: number): void {
    const bytes = nodes * bytesOf(row)
    this.#rate.spend(bytes)
    this.rowsSent += nodes
    this.bytesSent += bytes
  }

  #countMoving(rows: readonly OutgoingRow[]): void {
    const { ring } = this.#membership
    if (ring.moving.size === 0) return
    for (const row of rows) {
      if (!ring.moving.has(ring.partitionOf(row.rowKey))) continue
      this.rowsSent++
      this.bytesSent += bytesOf(row)
    }
  }
}

function bytesOf({ rowKey, object }: OutgoingRow): number {
  return rowKey.length + object.length
}
