/**
 * What a value says of itself: content type, content encoding, meta. Opaque to the core. Bytes: `[version][content type]`
 * `[content encoding]([name][value]) …`, each a varint length and UTF-8. No bytes at all are no attributes.
 */
import { KernelError } from './codes.js'
import { pushVarint, Reader } from './reader.js'

const ATTRIBUTES_VERSION = 1

export interface Attributes {
  /** '' = none given. */
  readonly contentType: string
  /** '' = identity. */
  readonly contentEncoding: string
  /** Names and values in the order given. */
  readonly meta: readonly (readonly [name: string, value: string])[]
}

const NONE: Attributes = { contentType: '', contentEncoding: '', meta: [] }

export function encodeAttributes(attributes: Attributes): Uint8Array {
  const { contentType, contentEncoding, meta } = attributes
  if (contentType === '' && contentEncoding === '' && meta.length === 0) return new Uint8Array(0)
  const parts: Uint8Array[] = [Uint8Array.of(ATTRIBUTES_VERSION)]
  for (const text of [contentType, contentEncoding, ...meta.flat()]) {
    const bytes = Buffer.from(text, 'utf8')
    const length: number[] = []
    pushVarint(length, bytes.length)
    parts.push(Uint8Array.from(length), bytes)
  }
  return Buffer.concat(parts)
}

/** Throws KernelError `bad-attributes` for bytes that encodeAttributes never makes, except that unknown versions and invalid UTF-8 are named as such. */
export function decodeAttributes(bytes: Uint8Array): Attributes {
  if (bytes.length === 0) return NONE
  const reader = new Reader(bytes, 'bad-attributes')
  if (reader.byte() !== ATTRIBUTES_VERSION) reader.fail('Unknown version of attributes')
  const contentType = text(reader)
  const contentEncoding = text(reader)
  const meta: [string, string][] = []
  while (reader.left > 0) meta.push([text(reader), text(reader)])
  return { contentType, contentEncoding, meta }
}

const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

function text(reader: Reader): string {
  const bytes = reader.sized()
  try {
    return utf8.decode(bytes)
  } catch {
    throw new KernelError('bad-attributes', 'An attribute is not UTF-8.')
  }
}
