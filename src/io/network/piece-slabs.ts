/**
 * Memory for pieces on their way to the operating system. Pieces are cut from slabs one after the other, and a slab is used anew when all that
 * was cut from it has been written. A busy node sends tens of megabytes a second in pieces that live for a moment: as buffers of
 * their own they are what most often sets off a full garbage collection.
 */
import { PIECE_BYTES } from '../../wire/frame.js'

export interface Slab {
  readonly bytes: Buffer
  used: number
  /** Pieces cut from it and not written yet. */
  pieces: number
}

const SLAB_BYTES = 4 * PIECE_BYTES
/** Empty ones kept for later; beyond these they are the collector's. */
const SPARE_SLABS = 4

/** One for all connections of a network: what is free serves whoever writes next. */
export class PieceSlabs {
  #filling: Slab = newSlab()
  readonly #spare: Slab[] = []
  #lastCut: Slab = this.#filling

  /** The slab that the last `cut` was made from; to be given to `written` when that piece is. */
  get lastCut(): Slab {
    return this.#lastCut
  }

  /** Room for a piece of 1 … PIECE_BYTES bytes; what it holds is undefined. */
  cut(bytes: number): Buffer {
    let slab = this.#filling
    if (slab.used + bytes > SLAB_BYTES) {
      if (slab.pieces === 0) slab.used = 0
      else slab = this.#filling = this.#spare.pop() ?? newSlab()
    }
    const from = slab.used
    slab.used += bytes
    slab.pieces++
    this.#lastCut = slab
    return slab.bytes.subarray(from, from + bytes)
  }

  /** A piece of this slab is with the operating system. Never called for one whose write failed: its slab is left to the collector. */
  written(slab: Slab): void {
    slab.pieces--
    if (slab.pieces > 0 || slab === this.#filling) return
    slab.used = 0
    if (this.#spare.length < SPARE_SLABS) this.#spare.push(slab)
  }
}

function newSlab(): Slab {
  return { bytes: Buffer.allocUnsafeSlow(SLAB_BYTES), used: 0, pieces: 0 }
}
