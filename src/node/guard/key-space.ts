/**
 * Everything is in one database, and so in one batch with one sync; the first byte of a key says what it is.
 *
 *   d [row key]                       a row (design: hash bits, bucket length, bucket, key)
 *   i [bucket length][bucket][key]    the key exists: listings in key order
 *   f [row key]                       a fallback's record: what is kept here for owners that were away
 *   h [16 bytes of node id][row key]  a hint: that record is to be given to this node
 *   s [name]                          the node's own records
 *   t [first segment, u32]            a page of the hash trees, good after a clean stop only
 */
const DATA = 0x64
const INDEX = 0x69
const SYSTEM = 0x73

/** Key spaces of sealed records other than the node's own. */
export const RECORD_SPACES = { fallback: 0x66, hint: 0x68, tree: 0x74 } as const
export type RecordSpace = keyof typeof RECORD_SPACES

/** Bytes of hash in front of a row key; without them a row key is what the index holds. */
const HASH_BYTES = 2

export function rowKeyToEngine(rowKey: Uint8Array): Buffer {
  return tagged(DATA, rowKey)
}

export function engineToRowKey(key: Uint8Array): Uint8Array {
  return key.subarray(1)
}

/** The index row's key for a row. */
export function indexKeyOf(rowKey: Uint8Array): Buffer {
  return tagged(INDEX, rowKey.subarray(HASH_BYTES))
}

export function systemKey(name: string): Buffer {
  return tagged(SYSTEM, Buffer.from(name, 'ascii'))
}

export function recordKey(space: RecordSpace, key: Uint8Array): Buffer {
  return tagged(RECORD_SPACES[space], key)
}

/** Where a space of records ends. */
export function endOfRecords(space: RecordSpace): Buffer {
  return Buffer.of(RECORD_SPACES[space] + 1)
}

/** Where the rows end. */
export function endOfRows(): Buffer {
  return Buffer.of(DATA + 1)
}

/** The index of one bucket, narrowed to a prefix. */
export function indexPrefix(bucket: Uint8Array, prefix: Uint8Array): Buffer {
  return Buffer.concat([Buffer.of(INDEX, bucket.length), bucket, prefix])
}

/** The key in an index row's key. */
export function keyInIndex(bucket: Uint8Array, indexKey: Uint8Array): Uint8Array {
  return indexKey.subarray(2 + bucket.length)
}

/** The first key after all that begin with `prefix`; undefined where there is none, because all its bytes are 0xff. */
export function afterPrefix(prefix: Uint8Array): Buffer | undefined {
  let end = prefix.length
  while (prefix[end - 1] === 0xff) end--
  if (end === 0) return undefined
  const key = Buffer.from(prefix.subarray(0, end))
  key[end - 1]!++
  return key
}

/** The key right after this one. */
export function successor(key: Uint8Array): Buffer {
  const next = Buffer.alloc(key.length + 1)
  next.set(key)
  return next
}

/** A key as text for maps: each byte one character. */
export function keyText(key: Uint8Array): string {
  return Buffer.isBuffer(key)
    ? key.toString('latin1')
    : Buffer.from(key.buffer, key.byteOffset, key.length).toString('latin1')
}

function tagged(tag: number, rest: Uint8Array): Buffer {
  const key = Buffer.allocUnsafe(1 + rest.length)
  key[0] = tag
  key.set(rest, 1)
  return key
}
