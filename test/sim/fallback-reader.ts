/** Reads what nodes keep for each other, from the documents and not from the code: fallbacks' records and hints (docs/storage-format.md). */
import { UnreadableBytes } from './object-reader.js'

const FALLBACK_TAG = 'f'
const HINT_TAG = 'h'
const ID_BYTES = 16
/** Seal (version, checksum) and commit number. */
const HEAD_BYTES = 5 + 8

export interface ReadFallback {
  /** Node ids in hex. */
  readonly targets: readonly string[]
  /** Empty where the node is an owner itself. */
  readonly row: Uint8Array
}

/** The row key of a fallback's record; undefined for any other database key. */
export function rowKeyOfFallback(engineKey: string): string | undefined {
  return engineKey[0] === FALLBACK_TAG ? engineKey.slice(1) : undefined
}

export function fallbackKey(rowKey: string): string {
  return `${FALLBACK_TAG}${rowKey}`
}

/** Whom a hint is for, and which row key it is about; undefined for any other database key. */
export function hintOf(engineKey: string): { readonly target: string; readonly rowKey: string } | undefined {
  if (engineKey[0] !== HINT_TAG || engineKey.length <= 1 + ID_BYTES) return undefined
  const target = Buffer.from(engineKey.slice(1, 1 + ID_BYTES), 'latin1').toString('hex')
  return { target, rowKey: engineKey.slice(1 + ID_BYTES) }
}

export function readFallback(bytes: Uint8Array): ReadFallback {
  const record = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const targetsAt = HEAD_BYTES + 10
  const count = record[targetsAt - 1]
  if (record[HEAD_BYTES] !== 1 || count === undefined) throw new UnreadableBytes("not a fallback's record")
  const rowAt = targetsAt + count * ID_BYTES
  if (rowAt > record.length) throw new UnreadableBytes("a fallback's record ends too early")
  const targets = Array.from({ length: count }, (_, index) =>
    record.toString('hex', targetsAt + index * ID_BYTES, targetsAt + (index + 1) * ID_BYTES),
  )
  return { targets, row: record.subarray(rowAt) }
}
