/** Objects: a clock and the siblings that survive (crates/kernel/src/object). Object bytes are the same on every replica. */
import { binding } from './binding.js'
import { ACTOR_BYTES, type Dot, skipClock } from './clock.js'
import { outcome, wholeNumber } from './codes.js'
import { Reader } from './reader.js'

const OBJECT_VERSION = 1
const OBJECT_EXTENSIONS = 1
const TOMBSTONE = 1
const CLIENT_OPERATION = 2
const EXPIRY = 4
const EXTENSIONS = 8
const KNOWN_REQUIRED = TOMBSTONE | CLIENT_OPERATION | EXPIRY | EXTENSIONS
const REQUIRED = 0x3f
const CLOCK_AT = 2
const NOTHING = new Uint8Array(0)

export interface Sibling {
  readonly dot: Dot
  readonly tombstone: boolean
  /** The coordinator's wall time of the write, in milliseconds; for people, never for order. */
  readonly wallMs: number
  /** 0 to 64 bytes. */
  readonly operation: Uint8Array
  /** Whether a client gave the operation id. */
  readonly operationIsClients: boolean
  readonly expiryMs: number | undefined
  /** See decodeAttributes. */
  readonly attributes: Uint8Array
  /** Not copied; empty in a tombstone. */
  readonly value: Uint8Array
}

export interface DecodedObject {
  readonly clock: Uint8Array
  /** Sorted by dot. */
  readonly siblings: Sibling[]
}

/** How compareObjects answers. */
export const RELATION = { EQUAL: 0, FIRST_NEWER: 1, SECOND_NEWER: 2, CONCURRENT: 3 } as const

/** The join of two objects into `out` (see mergeObjectsBound); its length, or CODES.BAD_OBJECT. */
export function mergeObjects(a: Uint8Array, b: Uint8Array, out: Uint8Array): number {
  return outcome(binding.mergeObjects(a, b, out))
}

/** Bytes that mergeObjects may need. */
export function mergeObjectsBound(a: Uint8Array, b: Uint8Array): number {
  return a.length + b.length
}

/** One of RELATION, by clock and surviving dots, or CODES.BAD_OBJECT. */
export function compareObjects(a: Uint8Array, b: Uint8Array): number {
  return outcome(binding.compareObjects(a, b))
}

/**
 * Clock and surviving dots of an object without its values, into `out`, which has room for the object: enough for compareSkeleton, and no
 * object to anybody else. Its length, or CODES.BAD_OBJECT.
 */
export function objectSkeleton(object: Uint8Array, out: Uint8Array): number {
  return outcome(binding.objectSkeleton(object, out))
}

/** The same in bytes of its own; no bytes where there is no object, or none that can be read. */
export function skeletonOf(object: Uint8Array | undefined): Uint8Array {
  if (object === undefined) return NOTHING
  const skeleton = Buffer.allocUnsafe(object.length)
  const length = objectSkeleton(object, skeleton)
  return length > 0 ? skeleton.subarray(0, length) : NOTHING
}

/** As compareObjects, with the skeleton of the second object in its place. */
export function compareSkeleton(object: Uint8Array, skeleton: Uint8Array): number {
  return outcome(binding.compareSkeleton(object, skeleton))
}

/**
 * The context that a write is answered with, into `out` (see writtenContextBound): the object's clock without the dots of live
 * siblings other than the write's own. Its length, or CODES.BAD_OBJECT.
 */
export function writtenContext(
  object: Uint8Array,
  actor: Uint8Array,
  counter: number,
  out: Uint8Array,
): number {
  wholeNumber('counter', counter, 0, Number.MAX_SAFE_INTEGER)
  return outcome(binding.writtenContext(object, actor, counter, out))
}

/** Bytes that writtenContext may need: each dot taken out costs less than its sibling did. */
export function writtenContextBound(object: Uint8Array): number {
  return object.length
}

/** 1 if the object's clock contains every dot of the context, 0 if not; or CODES.BAD_OBJECT, CODES.BAD_CONTEXT. */
export function coversContext(object: Uint8Array, context: Uint8Array): number {
  return outcome(binding.coversContext(object, context))
}

/** How many live siblings of the object the context covers; or CODES.BAD_OBJECT, CODES.BAD_CONTEXT. */
export function liveCovered(object: Uint8Array, context: Uint8Array): number {
  return outcome(binding.liveCovered(object, context))
}

/**
 * How many entries of an object's clock are spare: of actors of whom no sibling is left. They are what recognises an old sibling that comes
 * back; or CODES.BAD_OBJECT.
 */
export function spareEntries(object: Uint8Array): number {
  return outcome(binding.spareEntries(object))
}

/** The object without its spare entries, into `out`, which has room for the object. Its length, or CODES.BAD_OBJECT. */
export function shedObject(object: Uint8Array, out: Uint8Array): number {
  return outcome(binding.shedObject(object, out))
}

/** 0 for the one encoding of an object, else CODES.BAD_OBJECT. */
export function checkObject(bytes: Uint8Array): number {
  return outcome(binding.checkObject(bytes))
}

/** Reads an object. Throws KernelError `bad-object` where the bytes are none (order and doubles are checkObject's to see). */
export function decodeObject(bytes: Uint8Array): DecodedObject {
  const reader = skipHead(new Reader(bytes, 'bad-object'))
  const clock = bytes.subarray(CLOCK_AT, reader.at)
  const siblings: Sibling[] = []
  for (let left = countOf(reader); left > 0; left--)
    siblings.push(readSibling(reader.within(reader.varint())))
  if (bytes[1]! & OBJECT_EXTENSIONS) reader.sized()
  if (reader.left > 0) reader.fail('Something follows the object')
  return { clock, siblings }
}

/** The clock within an object, not copied: a context that covers all of it. */
export function objectClock(bytes: Uint8Array): Uint8Array {
  return bytes.subarray(CLOCK_AT, pastClock(bytes, 0).at)
}

/** How many siblings there are, tombstones included; looks at none of them. */
export function siblingCount(bytes: Uint8Array): number {
  return countOf(pastClock(bytes, 0))
}

/** How many siblings are values; looks at nothing else of them. */
export function liveCount(bytes: Uint8Array): number {
  return liveFrom(bytes, 0)
}

/** As liveCount, of an object that begins at `at`. */
export function liveFrom(bytes: Uint8Array, at: number): number {
  const reader = pastClock(bytes, at)
  let live = 0
  for (let left = countOf(reader); left > 0; left--) {
    const length = reader.varint()
    if (length === 0) reader.fail('A sibling without bytes')
    if ((reader.byte() & TOMBSTONE) === 0) live++
    reader.skip(length - 1)
  }
  return live
}

/** One for all that look at an object without keeping anything of it: every put does so on every node. */
const glance = new Reader(new Uint8Array(0), 'bad-object')

/** A cursor behind the clock of the object that begins at `at`, good until the next call. */
function pastClock(bytes: Uint8Array, at: number): Reader {
  return skipHead(glance.over(bytes, at))
}

function skipHead(reader: Reader): Reader {
  if (reader.byte() !== OBJECT_VERSION) reader.fail('Unknown version of an object')
  if ((reader.byte() & REQUIRED & ~OBJECT_EXTENSIONS) !== 0) reader.fail('Unknown flags of an object')
  skipClock(reader)
  return reader
}

function countOf(reader: Reader): number {
  const count = reader.varint()
  if (count > reader.left) reader.fail('The object is shorter than it says')
  return count
}

function readSibling(reader: Reader): Sibling {
  const flags = reader.byte()
  if ((flags & REQUIRED & ~KNOWN_REQUIRED) !== 0) reader.fail('Unknown flags of a sibling')
  const dot = { actor: reader.take(ACTOR_BYTES), counter: reader.varint() }
  const wallMs = reader.u48()
  const operation = reader.take(reader.byte())
  const expiryMs = flags & EXPIRY ? reader.u48() : undefined
  const attributes = reader.sized()
  if (flags & EXTENSIONS) reader.sized()
  const value = reader.take(reader.left)
  return {
    dot,
    tombstone: (flags & TOMBSTONE) !== 0,
    wallMs,
    operation,
    operationIsClients: (flags & CLIENT_OPERATION) !== 0,
    expiryMs,
    attributes,
    value,
  }
}
