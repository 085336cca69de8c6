/**
 * Who mints dots. An actor is an incarnation (8 random bytes, new after every unclean start) and a sequence (6 bytes) that never repeats within it:
 * 12 bits of the boot number, which counts every start, and a 36-bit counter of this boot.
 *
 * A replica takes a fresh actor when it first coordinates a key in this incarnation and keeps it in the row; so a dot can
 * never be minted twice, not even by a node that forgot what it had written (Riak lost data for years without this: riak_kv#679).
 */
const BOOTS = 0x1000
/** 2^36 keys first coordinated in one boot: more rows than a machine can hold. */
const COUNTER_END = 0x10_0000_0000

export class ActorSource {
  readonly #incarnation: Buffer
  readonly #boot: number
  #counter = 0
  #next: Buffer

  /** `incarnation`: 16 hex digits; `boot`: how often this directory was started. */
  constructor(incarnation: string, boot: number) {
    this.#incarnation = Buffer.from(incarnation, 'hex')
    if (this.#incarnation.length !== 8) throw new RangeError('an incarnation has 16 hex digits')
    this.#boot = boot % BOOTS
    this.#next = this.#make()
  }

  /** It would give out what `other` has given out: one of the two must not be used. */
  repeats(other: ActorSource): boolean {
    return this.#boot === other.#boot && this.#incarnation.equals(other.#incarnation)
  }

  /** 14 bytes not given to any row yet. They stay the next until `used`. */
  get next(): Uint8Array {
    return this.#next
  }

  /** A row now carries `actor`: if that is the next one, it is spent. */
  used(actor: Uint8Array | undefined): void {
    if (actor === undefined || Buffer.compare(actor, this.#next) !== 0) return
    this.#counter++
    if (this.#counter >= COUNTER_END) throw new RangeError('this boot has no actors left')
    this.#next = this.#make()
  }

  #make(): Buffer {
    const actor = Buffer.allocUnsafe(14)
    this.#incarnation.copy(actor, 0)
    actor.writeUInt16BE(this.#boot * 16 + Math.floor(this.#counter / 0x1_0000_0000), 8)
    actor.writeUInt32BE(this.#counter % 0x1_0000_0000, 10)
    return actor
  }
}
