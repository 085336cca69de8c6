/** The node's own small records in its database: who it is, what it has adopted, how far a rebuild has come. */
import { ByteReader, ByteWriter, WireError } from '../wire/bytes.js'

export const RECORDS = {
  identity: 'identity',
  membership: 'membership',
  rebuild: 'rebuild',
  hints: 'hints',
  trees: 'trees',
  reaped: 'reaped',
  /** Never written: a write of it tells when all writes before it have landed. */
  barrier: 'barrier',
} as const

export interface Identity {
  /** 32 hex digits; for the life of this directory, or of the member whose place it took. */
  readonly nodeId: string
  readonly name: string
  /** Added to the directory's own boot counter: boots of earlier directories under the same identity. */
  readonly bootBase: number
  /** The highest storage version in which anything was written here. */
  readonly storage: number
}

/** 2 says which storage version it was written in. What is of the first is written as 1. */
const VERSION = 2

export function encodeIdentity(identity: Identity): Uint8Array {
  const writer = new ByteWriter(128)
  writer.u8(identity.storage === 1 ? 1 : VERSION)
  writer.text(identity.nodeId)
  writer.text(identity.name)
  writer.u53(identity.bootBase)
  if (identity.storage > 1) writer.u16(identity.storage)
  return writer.take()
}

/** Total: throws WireError. */
export function decodeIdentity(bytes: Uint8Array): Identity {
  const reader = new ByteReader(bytes)
  const version = reader.u8()
  if (version < 1 || version > VERSION) throw new WireError('the version of the identity is unknown')
  const identity = { nodeId: reader.text(64), name: reader.text(1024), bootBase: reader.u53() }
  const storage = version === 1 ? 1 : reader.u16()
  reader.end()
  return { ...identity, storage }
}
