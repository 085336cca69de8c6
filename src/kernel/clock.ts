/** Clocks (exact sets of dots) as bytes: read here for people and checks; the algebra is the core's (crates/kernel/src/clock). */
import { binding } from './binding.js'
import { outcome } from './codes.js'
import { Reader } from './reader.js'

/** Bytes of an actor: 8 of an incarnation, 6 that count up within it. */
export const ACTOR_BYTES = 14

const CLOCK_VERSION = 1
/** An entry is at least an actor and two varints. */
const MIN_ENTRY_BYTES = ACTOR_BYTES + 2

/** The clock of no dots. */
export const EMPTY_CLOCK: Uint8Array = Uint8Array.of(CLOCK_VERSION, 0)

/** The counters from `first` to `last`, both included. */
export interface Span {
  readonly first: number
  readonly last: number
}

export interface ClockEntry {
  readonly actor: Uint8Array
  /** All counters from 1 to here are in the clock; 0 = not even the first. */
  readonly contiguous: number
  /** What is in the clock beyond the first gap: spans in order, none touching the next. */
  readonly beyond: readonly Span[]
}

/** One write: who minted it, and its number there (1, 2, 3 …). */
export interface Dot {
  readonly actor: Uint8Array
  readonly counter: number
}

/** Reads clock bytes, or none for the empty clock. Throws KernelError `bad-context` for anything else. */
export function decodeClock(bytes: Uint8Array): ClockEntry[] {
  if (bytes.length === 0) return []
  const reader = new Reader(bytes, 'bad-context')
  const count = readClockHead(reader)
  const entries: ClockEntry[] = []
  for (let i = 0; i < count; i++) entries.push(readEntry(reader))
  if (reader.left > 0) reader.fail('Something follows the clock')
  return entries
}

function readClockHead(reader: Reader): number {
  if (reader.byte() !== CLOCK_VERSION) reader.fail('Unknown version of a clock')
  const count = reader.varint()
  if (count > reader.left / MIN_ENTRY_BYTES) reader.fail('The clock is shorter than it says')
  return count
}

function readEntry(reader: Reader): ClockEntry {
  const actor = reader.take(ACTOR_BYTES)
  const contiguous = reader.varint()
  const beyond: Span[] = []
  let end = contiguous
  for (let left = reader.varint(); left > 0; left--) {
    const first = end + 2 + reader.varint()
    end = first + reader.varint()
    if (!Number.isSafeInteger(end)) reader.fail('A counter is too high')
    beyond.push({ first, last: end })
  }
  if (end === 0) reader.fail('An actor without a dot')
  return { actor, contiguous, beyond }
}

/** Moves the cursor over a clock. */
export function skipClock(reader: Reader): void {
  for (let entries = readClockHead(reader); entries > 0; entries--) {
    reader.skip(ACTOR_BYTES)
    reader.varint()
    for (let numbers = 2 * reader.varint(); numbers > 0; numbers--) reader.varint()
  }
}

/** Whether an entry (or none) contains a counter. */
export function entryContains(entry: ClockEntry | undefined, counter: number): boolean {
  if (entry === undefined || counter < 1) return false
  return (
    counter <= entry.contiguous || entry.beyond.some((span) => span.first <= counter && counter <= span.last)
  )
}

/** 0 for the one encoding of a clock, or for no bytes; else CODES.BAD_CONTEXT. */
export function checkContext(bytes: Uint8Array): number {
  return outcome(binding.checkContext(bytes))
}
