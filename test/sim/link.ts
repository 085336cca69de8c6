/** One direction between two hosts: how long a frame takes, and what is wrong with the way just now. */
import type { Prng } from './prng.js'

export interface LinkManners {
  readonly minMs: number
  readonly meanMs: number
  /** Above TCP's promises: single frames vanish, come twice, overtake each other. The protocol must bear even that. */
  readonly dropChance: number
  readonly repeatChance: number
  readonly overtakeChance: number
}

export class Link {
  readonly prng: Prng
  manners: LinkManners
  /** Nothing gets through; what was sent waits, as TCP would keep trying. */
  cut = false
  /** Extra delay of a clogged way. */
  clogMs = 0
  /** So many frames have a bit flipped on their way. */
  damageChance = 0

  constructor(prng: Prng, manners: LinkManners) {
    this.prng = prng
    this.manners = manners
  }

  /** Bytes cost time too: a large frame takes longer, and small ones of other connections pass it. */
  delayMs(bytes: number): number {
    const wireMs = bytes / 12_500
    return this.manners.minMs + this.prng.exponential(this.manners.meanMs) + this.clogMs + wireMs
  }

  damages(): boolean {
    return this.damageChance > 0 && this.prng.chance(this.damageChance)
  }

  drops(): boolean {
    return this.manners.dropChance > 0 && this.prng.chance(this.manners.dropChance)
  }

  repeats(): boolean {
    return this.manners.repeatChance > 0 && this.prng.chance(this.manners.repeatChance)
  }

  overtakes(): boolean {
    return this.manners.overtakeChance > 0 && this.prng.chance(this.manners.overtakeChance)
  }
}
