/**
 * What a node keeps for others, as bytes (see docs/storage-format.md):
 *
 *   a fallback's record, one for each key    u8 version, u64 number, u8 targets, 16 bytes each, row (may be empty)
 *   a hint, one for each key and target      u8 version, u8 flags (1: the record holds a row), u32 bytes
 *
 * The row is like any other, envelope and all, but sealed by the record around it. It is empty where the node is an owner
 * itself: then the row to be given on is its own. `number` goes up with every change, and is never one that was met before, so that an answer to an
 * earlier state does not remove a hint for a later one.
 */
import { ByteReader, ByteWriter, WireError } from '../../wire/bytes.js'

const VERSION = 1
const HOLDS_ROW = 1
const ID_BYTES = 16

export interface FallbackRecord {
  readonly number: number
  /** Node ids (32 hex digits) of the owners that lack what is kept here, each once. */
  readonly targets: readonly string[]
  readonly row: Uint8Array
}

export interface HintEntry {
  readonly holdsRow: boolean
  /** Of the record that it belongs to. */
  readonly bytes: number
}

/** Bytes of the record. */
export function fallbackBytes({ targets, row }: FallbackRecord): number {
  return 10 + targets.length * ID_BYTES + row.length
}

export function encodeFallback({ number, targets, row }: FallbackRecord): Uint8Array {
  const writer = new ByteWriter(fallbackBytes({ number, targets, row }))
  writer.u8(VERSION)
  writer.u53(number)
  writer.u8(targets.length)
  for (const target of targets) writer.raw(idBytes(target))
  writer.raw(row)
  return writer.take()
}

/** Total: throws WireError. The row is not copied. */
export function decodeFallback(bytes: Uint8Array): FallbackRecord {
  const reader = new ByteReader(bytes)
  if (reader.u8() !== VERSION) throw new WireError("the version of a fallback's record is unknown")
  const number = reader.u53()
  const targets: string[] = []
  for (let left = reader.u8(); left > 0; left--) targets.push(reader.raw(ID_BYTES).toString('hex'))
  return { number, targets, row: reader.raw(reader.left) }
}

export function encodeHint({ holdsRow, bytes }: HintEntry): Uint8Array {
  const writer = new ByteWriter(6)
  writer.u8(VERSION)
  writer.u8(holdsRow ? HOLDS_ROW : 0)
  writer.u32(bytes)
  return writer.take()
}

/** Total: throws WireError. */
export function decodeHint(bytes: Uint8Array): HintEntry {
  const reader = new ByteReader(bytes)
  if (reader.u8() !== VERSION) throw new WireError('the version of a hint is unknown')
  const hint = { holdsRow: (reader.u8() & HOLDS_ROW) !== 0, bytes: reader.u32() }
  reader.end()
  return hint
}

/** `[16 bytes of node id][row key]`: the key under which a hint is kept. */
export function hintKey(target: string, rowKey: Uint8Array): Uint8Array {
  const key = Buffer.allocUnsafe(ID_BYTES + rowKey.length)
  key.set(idBytes(target))
  key.set(rowKey, ID_BYTES)
  return key
}

export function splitHintKey(key: Uint8Array): { readonly target: string; readonly rowKey: Uint8Array } {
  if (key.length <= ID_BYTES) throw new WireError("a hint's key is too short")
  const target = Buffer.from(key.buffer, key.byteOffset, ID_BYTES).toString('hex')
  return { target, rowKey: key.subarray(ID_BYTES) }
}

/** Where the hints of a target begin. */
export function hintsOf(target: string): Uint8Array {
  return idBytes(target)
}

/** A node can be named in a hint: its id has the form of one. */
export function isNodeId(id: string): boolean {
  return /^[0-9a-f]{32}$/.test(id)
}

function idBytes(id: string): Uint8Array {
  if (!isNodeId(id)) throw new WireError('a node id has 32 hex digits')
  return Buffer.from(id, 'hex')
}
