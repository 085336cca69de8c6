/** Stored rows: a local envelope around an object (crates/kernel/src/row). An empty Uint8Array is the row of a key that is not here. */
import { binding } from './binding.js'
import { ACTOR_BYTES } from './clock.js'
import { KernelError, outcome, wholeNumber } from './codes.js'
import { liveFrom } from './object.js'

/** Bits of a row's flags. */
export const ROW_FLAGS = { HAS_ACTOR: 1, INCOMPLETE: 2, HAS_OPERATIONS: 4 } as const

const HEAD_BYTES = 16
const COMMIT_AT = 8
/** Within an object: behind its version and flags and the clock's version. */
const CLOCK_COUNT_AT = 3
const OPERATION_HASH_BYTES = 8
const MAX_48_BITS = 2 ** 48 - 1
const TWO_TO_32 = 2 ** 32

/** What a written row may be longer than everything that goes into it (WRITE_EXTRA_BYTES in the core). */
const WRITE_EXTRA_BYTES = 320
/** What a merged row may be longer than row and object (MERGE_EXTRA_BYTES in the core). */
const MERGE_EXTRA_BYTES = 192

const WRITE_TOMBSTONE = 1
const WRITE_INCOMPLETE = 2
const WRITE_CLIENT_OPERATION = 4

export interface Write {
  readonly tombstone: boolean
  /** Marks the row as standing over one that could not be read. */
  readonly incomplete: boolean
  /** Wall time in milliseconds, below 2^48. */
  readonly wallMs: number
  /** When it expires, in wall milliseconds; absent or 0 = never. */
  readonly expiryMs?: number
  /** 0 to 64 bytes. */
  readonly operation: Uint8Array
  /** Whether a client gave the operation id (then the row remembers it after the sibling is replaced). */
  readonly operationIsClients: boolean
  /** See encodeAttributes. */
  readonly attributes: Uint8Array
  /** Empty for a tombstone. */
  readonly value: Uint8Array
}

/** What a key may hold before a client has to merge; tombstones do not count. */
export interface SiblingLimits {
  readonly maxSiblings: number
  /** Bytes of live values. */
  readonly maxBytes: number
}

/**
 * Applies a client's write to the local row, into `out` (see applyWriteBound): one new dot, one new sibling, and gone is what the
 * context covers. The length of the new row (commit number and checksum still zero: see sealRow), or CODES.ALREADY, TOO_MANY_SIBLINGS, BAD_ROW,
 * BAD_CONTEXT, EXHAUSTED. `freshActor` is used unless the row has an actor of the same incarnation (first 8 bytes).
 */
export function applyWrite(
  row: Uint8Array,
  freshActor: Uint8Array,
  context: Uint8Array,
  write: Write,
  limits: SiblingLimits,
  out: Uint8Array,
): number {
  const flags =
    (write.tombstone ? WRITE_TOMBSTONE : 0) |
    (write.incomplete ? WRITE_INCOMPLETE : 0) |
    (write.operationIsClients ? WRITE_CLIENT_OPERATION : 0)
  const { maxSiblings, maxBytes } = limits
  const code = binding.applyWrite(
    row,
    freshActor,
    context,
    flags,
    wholeNumber('wallMs', write.wallMs, 0, MAX_48_BITS),
    wholeNumber('expiryMs', write.expiryMs ?? 0, 0, MAX_48_BITS),
    write.operation,
    write.attributes,
    write.value,
    wholeNumber('maxSiblings', maxSiblings, 0, Number.MAX_SAFE_INTEGER),
    wholeNumber('maxBytes', maxBytes, 0, Number.MAX_SAFE_INTEGER),
    out,
  )
  return outcome(code)
}

/** Bytes that applyWrite may need. */
export function applyWriteBound(
  row: Uint8Array,
  context: Uint8Array,
  write: Pick<Write, 'operation' | 'attributes' | 'value'>,
): number {
  const { operation, attributes, value } = write
  return row.length + context.length + operation.length + attributes.length + value.length + WRITE_EXTRA_BYTES
}

/**
 * Joins an object into the local row, into `out` (see mergeBound). The length of the new row (not sealed), 0 where the row would stay as
 * it is, or CODES.BAD_ROW, CODES.BAD_OBJECT. Actor, remembered operations and flags of the row stay; `incomplete` is ORed.
 */
export function mergeRow(row: Uint8Array, object: Uint8Array, incomplete: boolean, out: Uint8Array): number {
  return outcome(binding.mergeRow(row, object, incomplete, out))
}

/** Bytes that mergeRow may need. */
export function mergeBound(row: Uint8Array, object: Uint8Array): number {
  return row.length + object.length + MERGE_EXTRA_BYTES
}

/**
 * The row without the spare entries of its object's clock (see spareEntries), into `out`, which has room for the row. Its length (not sealed), or
 * CODES.BAD_ROW. An actor of the envelope goes with its entry, so that it never counts anew.
 */
export function shedRow(row: Uint8Array, out: Uint8Array): number {
  return outcome(binding.shedRow(row, out))
}

/** 0 if the row is whole and belongs to this row key, else CODES.BAD_ROW. Any bytes will do. */
export function checkRow(rowKey: Uint8Array, row: Uint8Array): number {
  return outcome(binding.checkRow(rowKey, row))
}

/** Sets commit number and checksum in place. */
export function sealRow(rowKey: Uint8Array, row: Uint8Array, commitNumber: number): void {
  wholeNumber('commitNumber', commitNumber, 0, Number.MAX_SAFE_INTEGER)
  if (binding.sealRow(rowKey, row, commitNumber) !== 0) badRow()
}

/** The object within a row, not copied; of no row, no bytes. */
export function rowObject(row: Uint8Array): Uint8Array {
  return row.length === 0 ? row : row.subarray(objectAt(row))
}

/** The actor under which this replica mints dots for the key, not copied; undefined where it never coordinated it. */
export function rowActor(row: Uint8Array): Uint8Array | undefined {
  if ((rowFlags(row) & ROW_FLAGS.HAS_ACTOR) === 0) return undefined
  objectAt(row)
  return row.subarray(HEAD_BYTES, HEAD_BYTES + ACTOR_BYTES)
}

/** Whether a row holds any value: one that holds none is all tombstones. */
export function isLiveRow(row: Uint8Array): boolean {
  return liveFrom(row, objectAt(row)) > 0
}

/** How many actors the clock of a row's object names; from 128 on, some number above 127. Looks at one byte. */
export function clockActors(row: Uint8Array): number {
  return row[objectAt(row) + CLOCK_COUNT_AT] ?? 0
}

/** See ROW_FLAGS; 0 for no row. */
export function rowFlags(row: Uint8Array): number {
  return row[1] ?? 0
}

/** The number of the commit that wrote the row. */
export function rowCommit(row: Uint8Array): number {
  if (row.length < HEAD_BYTES) badRow()
  return word(row, COMMIT_AT) + word(row, COMMIT_AT + 4) * TWO_TO_32
}

/** Sets or clears the flag of a row that stands over one that could not be read. The row must be sealed again. */
export function setIncomplete(row: Uint8Array, incomplete: boolean): void {
  if (row.length < HEAD_BYTES) badRow()
  const others = row[1]! & ~ROW_FLAGS.INCOMPLETE
  row[1] = others | (incomplete ? ROW_FLAGS.INCOMPLETE : 0)
}

function objectAt(row: Uint8Array): number {
  const flags = rowFlags(row)
  let at = HEAD_BYTES
  if (flags & ROW_FLAGS.HAS_ACTOR) at += ACTOR_BYTES
  if (flags & ROW_FLAGS.HAS_OPERATIONS) at += 1 + (row[at] ?? 0) * OPERATION_HASH_BYTES
  if (at > row.length) badRow()
  return at
}

function word(row: Uint8Array, at: number): number {
  return (row[at]! | (row[at + 1]! << 8) | (row[at + 2]! << 16) | (row[at + 3]! << 24)) >>> 0
}

function badRow(): never {
  throw new KernelError('bad-row', 'These bytes are shorter than a row.')
}
