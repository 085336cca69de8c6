/**
 * A second reader of the formats on disk and in answers, written from the documents and sharing no line with the kernel. The
 * checkers look at rows and answers through it alone, so a mistake in the kernel's reading cannot hide the same mistake in
 * its writing. It trusts nothing and throws `UnreadableBytes`.
 */

export class UnreadableBytes extends Error {}

/** Counters of one actor as closed spans, rising. */
type Span = readonly [first: number, last: number]

export interface ReadSibling {
  /** actor in hex, '.', counter. */
  readonly dot: string
  readonly tombstone: boolean
  readonly operation: string
  readonly wallMs: number
  readonly value: Uint8Array
}

export interface ReadObject {
  readonly clock: ReadClock
  readonly clockBytes: Uint8Array
  readonly siblings: readonly ReadSibling[]
}

export interface ReadRow {
  readonly incomplete: boolean
  readonly objectBytes: Uint8Array
  readonly object: ReadObject
}

const ACTOR_BYTES = 14
const ROW_HEAD_BYTES = 16
const HAS_ACTOR = 1
const INCOMPLETE = 2
const HAS_OPERATIONS = 4

/** An exact set of dots. */
export class ReadClock {
  readonly #spans = new Map<string, Span[]>()

  add(actor: string, span: Span): void {
    const spans = this.#spans.get(actor)
    if (spans === undefined) this.#spans.set(actor, [span])
    else spans.push(span)
  }

  has(dot: string): boolean {
    const at = dot.indexOf('.')
    const counter = Number(dot.slice(at + 1))
    const spans = this.#spans.get(dot.slice(0, at)) ?? []
    return spans.some(([first, last]) => first <= counter && counter <= last)
  }

  /** True when every dot of `other` is in this clock. */
  covers(other: ReadClock): boolean {
    for (const [actor, spans] of other.#spans) {
      const mine = this.#spans.get(actor) ?? []
      const held = ([first, last]: Span): boolean => mine.some((span) => span[0] <= first && last <= span[1])
      if (!spans.every(held)) return false
    }
    return true
  }

  /** The entries of those actors that `keep` says. */
  only(keep: (actor: string) => boolean): ReadClock {
    const clock = new ReadClock()
    for (const [actor, spans] of this.#spans)
      if (keep(actor)) for (const span of spans) clock.add(actor, span)
    return clock
  }

  get actors(): readonly string[] {
    return [...this.#spans.keys()]
  }

  toString(): string {
    return [...this.#spans]
      .map(([actor, spans]) => `${actor.slice(0, 6)}…${actor.slice(-4)}:${spans.map(spanText).join(',')}`)
      .join(' ')
  }
}

function spanText([first, last]: Span): string {
  return first === last ? `${first}` : `${first}-${last}`
}

/** Reads from the front; a part of the bytes is read by a cursor of its own, over the same buffer. */
class Cursor {
  readonly #bytes: Buffer
  readonly #end: number
  at: number

  constructor(bytes: Uint8Array, at = 0, end = bytes.length) {
    this.#bytes = Buffer.isBuffer(bytes)
      ? bytes
      : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
    this.at = at
    this.#end = end
  }

  u8(): number {
    return this.#bytes[this.#pass(1)] as number
  }

  u48(): number {
    return this.#bytes.readUIntBE(this.#pass(6), 6)
  }

  text(length: number, encoding: 'hex' | 'latin1'): string {
    const from = this.#pass(length)
    return this.#bytes.toString(encoding, from, this.at)
  }

  varint(): number {
    let value = 0
    let scale = 1
    for (;;) {
      const byte = this.u8()
      value += (byte & 0x7f) * scale
      if (byte < 0x80) return value
      scale *= 128
      if (scale > 2 ** 56) throw new UnreadableBytes('a number is too long')
    }
  }

  skip(length: number): void {
    this.#pass(length)
  }

  /** The next so many bytes, to be read for themselves. */
  part(length: number): Cursor {
    const from = this.#pass(length)
    return new Cursor(this.#bytes, from, this.at)
  }

  rest(): Buffer {
    return this.#bytes.subarray(this.#pass(this.#end - this.at), this.#end)
  }

  #pass(length: number): number {
    if (length > this.#end - this.at) throw new UnreadableBytes('the bytes end too early')
    const from = this.at
    this.at += length
    return from
  }
}

/** Entries of the clock of actors of whom no sibling is left. */
export function spareActors({ clock, siblings }: ReadObject): readonly string[] {
  const held = new Set(siblings.map(({ dot }) => dot.slice(0, dot.indexOf('.'))))
  return clock.actors.filter((actor) => !held.has(actor))
}

/** What `newer` has shed of what `older` had seen; undefined where it lacks anything but spare entries. It may have been written since, in the same batch,
 * with a context that names some of the same dots. */
export function shedClock(older: ReadObject, newer: ReadObject): ReadClock | undefined {
  const lacks = (actor: string): boolean => !newer.clock.covers(older.clock.only((other) => other === actor))
  const spare = new Set(spareActors(older).filter(lacks))
  const isShed = newer.clock.covers(older.clock.only((actor) => !spare.has(actor)))
  return isShed ? older.clock.only((actor) => spare.has(actor)) : undefined
}

/** Clock bytes as contexts have them; no bytes are the empty clock. */
export function readClock(bytes: Uint8Array): ReadClock {
  if (bytes.length === 0) return new ReadClock()
  const cursor = new Cursor(bytes)
  const clock = takeClock(cursor)
  if (cursor.at !== bytes.length) throw new UnreadableBytes('a clock has a tail')
  return clock
}

export function readObject(bytes: Uint8Array): ReadObject {
  const cursor = new Cursor(bytes)
  if (cursor.u8() !== 1) throw new UnreadableBytes('an object of another version')
  cursor.u8()
  const clockAt = cursor.at
  const clock = takeClock(cursor)
  const clockBytes = bytes.subarray(clockAt, cursor.at)
  const siblings: ReadSibling[] = []
  const count = cursor.varint()
  for (let index = 0; index < count; index += 1) siblings.push(takeSibling(cursor.part(cursor.varint())))
  return { clock, clockBytes, siblings }
}

export function readRow(bytes: Uint8Array): ReadRow {
  const cursor = new Cursor(bytes)
  if (cursor.u8() !== 1) throw new UnreadableBytes('a row of another version')
  const flags = cursor.u8()
  cursor.skip(ROW_HEAD_BYTES - 2)
  if ((flags & HAS_ACTOR) !== 0) cursor.skip(ACTOR_BYTES)
  if ((flags & HAS_OPERATIONS) !== 0) cursor.skip(cursor.u8() * 8)
  const objectBytes = cursor.rest()
  return { incomplete: (flags & INCOMPLETE) !== 0, objectBytes, object: readObject(objectBytes) }
}

function takeClock(cursor: Cursor): ReadClock {
  if (cursor.u8() !== 1) throw new UnreadableBytes('a clock of another version')
  const clock = new ReadClock()
  const entries = cursor.varint()
  for (let entry = 0; entry < entries; entry += 1) {
    const actor = cursor.text(ACTOR_BYTES, 'hex')
    let end = cursor.varint()
    if (end > 0) clock.add(actor, [1, end])
    const beyond = cursor.varint()
    for (let index = 0; index < beyond; index += 1) {
      const first = end + 2 + cursor.varint()
      end = first + cursor.varint()
      clock.add(actor, [first, end])
    }
  }
  return clock
}

function takeSibling(cursor: Cursor): ReadSibling {
  const flags = cursor.u8()
  const actor = cursor.text(ACTOR_BYTES, 'hex')
  const dot = `${actor}.${cursor.varint()}`
  const wallMs = cursor.u48()
  const operation = cursor.text(cursor.u8(), 'latin1')
  if ((flags & 4) !== 0) cursor.u48()
  cursor.skip(cursor.varint())
  if ((flags & 8) !== 0) cursor.skip(cursor.varint())
  return { dot, tombstone: (flags & 1) !== 0, operation, wallMs, value: cursor.rest() }
}
