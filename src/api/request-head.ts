/** What the head of a request says about a value: its attributes, the context that it replaces, the operation that it is. */
import { RotundaError } from '../errors.js'
import { type Attributes, CODES, checkContext, encodeAttributes } from '../kernel/index.js'
import { limits } from '../limits.js'
import type { Exchange } from './exchange.js'
import { isMeta } from './head-fields.js'
import { META_PREFIX } from './representation.js'
import type { Opened, Purpose } from './sealed-token.js'

type Meta = [name: string, value: string][]

const NO_META: Meta = []

function refuseHeader(name: string, why: string): never {
  throw new RotundaError('BAD_PARAM', `The header ${name} ${why}`)
}

/**
 * Conditions that this store does not know: to ignore one would be to do what the client said not to do. Here a write is ordered by its
 * context, not by an entity tag. Throws BAD_PARAM.
 */
export function refuseWriteConditions({ request: { fields } }: Exchange): void {
  const why = 'is not taken with a write; use Rotunda-Context. Nothing was written.'
  if (fields['if-match'] !== undefined) refuseHeader('If-Match', why)
  if (fields['if-none-match'] !== undefined) refuseHeader('If-None-Match', why)
  if (fields['if-modified-since'] !== undefined) refuseHeader('If-Modified-Since', why)
  if (fields['if-unmodified-since'] !== undefined) refuseHeader('If-Unmodified-Since', why)
  if (fields['content-range'] !== undefined) refuseHeader('Content-Range', why)
}

/** The same for a read, other than If-None-Match. If-Modified-Since is only ever an optimisation and is ignored. Throws BAD_PARAM. */
export function refuseReadConditions({ request: { fields } }: Exchange): void {
  const why = 'is not taken with a read; use If-None-Match.'
  if (fields['if-match'] !== undefined) refuseHeader('If-Match', why)
  if (fields['if-unmodified-since'] !== undefined) refuseHeader('If-Unmodified-Since', why)
}

/**
 * What a client's token holds, or undefined where it is none of this cluster's for this purpose, bucket and key. Throws NOT_READY while a
 * starting node does not know yet of which cluster it is: whoever was told "bad" then would throw a good token away.
 */
export function openToken(
  { edge }: Exchange,
  purpose: Purpose,
  bucket: Uint8Array,
  key: Uint8Array,
  token: string,
): Opened | undefined {
  if (edge.database.clusterId === '') throw new RotundaError('NOT_READY')
  return edge.tokens.open(purpose, bucket, key, token)
}

/** The verified context of a write; undefined = blind. Throws BAD_CONTEXT. */
export function contextOf(exchange: Exchange, bucket: Uint8Array, key: Uint8Array): Opened | undefined {
  const token = exchange.request.fields['rotunda-context']
  if (token === undefined) return undefined
  const opened = openToken(exchange, 'context', bucket, key, token)
  if (opened === undefined || checkContext(opened.payload) === CODES.BAD_CONTEXT)
    throw new RotundaError('BAD_CONTEXT')
  return opened
}

/** The client's name for this operation: 1 to 64 visible ASCII characters, or undefined. Throws BAD_PARAM. */
export function operationOf(exchange: Exchange): Uint8Array | undefined {
  const text = exchange.request.fields['rotunda-operation']
  if (text === undefined) return undefined
  let visible = text.length >= 1 && text.length <= limits.operationBytes
  for (let at = 0; visible && at < text.length; at++) {
    const code = text.charCodeAt(at)
    visible = code > 32 && code < 127
  }
  if (!visible) {
    throw new RotundaError(
      'BAD_PARAM',
      `Rotunda-Operation takes 1 to ${limits.operationBytes} visible ASCII characters.`,
      { limitBytes: limits.operationBytes },
    )
  }
  return Buffer.from(text, 'latin1')
}

/** Names without the prefix, in lower case, each once: lines of one name are joined as HTTP joins them. In the order of their first lines. */
function metaOf(rawHeaders: readonly string[]): Meta {
  const meta = new Map<string, string>()
  for (let at = 0; at < rawHeaders.length; at += 2) {
    if (!isMeta(rawHeaders[at]!)) continue
    const name = rawHeaders[at]!.slice(META_PREFIX.length).toLowerCase()
    if (name === '') throw new RotundaError('BAD_PARAM', 'A Rotunda-Meta- header has no name.')
    const before = meta.get(name)
    const value = rawHeaders[at + 1]!
    meta.set(name, before === undefined ? value : `${before}, ${value}`)
  }
  return [...meta]
}

/** Encodings of a content type alone, which is what most values have. */
const plainAttributes = new Map<string, Uint8Array>()

function plainAttributesOf(contentType: string): Uint8Array {
  const known = plainAttributes.get(contentType)
  if (known !== undefined) return known
  const encoded = bounded({ contentType, contentEncoding: '', meta: [] })
  if (plainAttributes.size >= limits.contentTypes) plainAttributes.clear()
  plainAttributes.set(contentType, encoded)
  return encoded
}

function bounded(attributes: Attributes): Uint8Array {
  const encoded = encodeAttributes(attributes)
  if (encoded.length <= limits.attributesBytes) return encoded
  throw new RotundaError(
    'HEADERS_TOO_LARGE',
    `Content-Type, Content-Encoding and Rotunda-Meta-* take ${encoded.length} bytes together; at most ${limits.attributesBytes}. Nothing was written.`,
    { limitBytes: limits.attributesBytes, gotBytes: encoded.length },
  )
}

/** What is kept beside the value, encoded. Throws BAD_REQUEST, BAD_PARAM, HEADERS_TOO_LARGE. */
export function attributesFrom(exchange: Exchange): Uint8Array {
  const { head, rawHeaders } = exchange.request
  // A value has one type: with two of them, whoever stands before this node may have believed the other one.
  if (head.hasTwoTypes) {
    throw new RotundaError(
      'BAD_REQUEST',
      'The request has two different Content-Type headers; nothing was written.',
    )
  }
  const { 'content-type': contentType = '', 'content-encoding': contentEncoding = '' } = head.fields
  const meta = head.hasMeta ? metaOf(rawHeaders) : NO_META
  return contentEncoding === '' && meta.length === 0
    ? plainAttributesOf(contentType)
    : bounded({ contentType, contentEncoding, meta })
}
