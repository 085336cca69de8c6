/** How versions are written into an answer: one value as its own bytes, several as JSON or as multipart/mixed (RFC 2046, section 5.1). */
import { isUtf8 } from 'node:buffer'
import type { Attributes, Sibling } from '../kernel/index.js'
import type { HeaderList } from './exchange.js'
import { asHeader, asText, httpDate } from './header-text.js'
import { attributesOf, type Versions } from './versions.js'

export const DEFAULT_CONTENT_TYPE = 'application/octet-stream'
export const META_PREFIX = 'rotunda-meta-'
/** The same as answers write it. */
export const META_HEADER = 'Rotunda-Meta-'

/** Content type, encoding and meta as headers. */
function attributeHeaders({ contentType, contentEncoding, meta }: Attributes): HeaderList {
  const headers: HeaderList = ['Content-Type', asHeader(contentType) || DEFAULT_CONTENT_TYPE]
  const encoding = asHeader(contentEncoding)
  if (encoding) headers.push('Content-Encoding', encoding)
  for (const [name, value] of meta) {
    const text = asHeader(value)
    if (text !== undefined) headers.push(META_HEADER + name, text)
  }
  return headers
}

/** The headers that belong to one version. */
export function versionHeaders(sibling: Sibling): HeaderList {
  const headers = attributeHeaders(attributesOf(sibling))
  headers.push('Last-Modified', httpDate(sibling.wallMs))
  return headers
}

/** `name` as text where the bytes are UTF-8, `name64` in base64url where they are not. */
export function bytesMember(name: string, bytes: Uint8Array): Record<string, string> {
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length)
  return isUtf8(buffer)
    ? { [name]: buffer.toString('utf8') }
    : { [`${name}64`]: buffer.toString('base64url') }
}

/** Meta names come from clients: an object without prototype holds even `__proto__` as a name like any other. */
function metaObject(meta: Attributes['meta']): Record<string, string> {
  const object: Record<string, string> = Object.create(null)
  for (const [name, value] of meta) object[name] = asText(value)
  return object
}

function versionJson(sibling: Sibling): Record<string, unknown> {
  const { contentType, contentEncoding, meta } = attributesOf(sibling)
  const writtenAt = new Date(sibling.wallMs).toISOString()
  if (sibling.tombstone) return { deleted: true, meta: metaObject(meta), writtenAt }
  const { buffer, byteOffset, length } = sibling.value
  return {
    contentType: asText(contentType) || DEFAULT_CONTENT_TYPE,
    ...(contentEncoding === '' ? {} : { contentEncoding: asText(contentEncoding) }),
    meta: metaObject(meta),
    writtenAt,
    value: Buffer.from(buffer, byteOffset, length).toString('base64'),
  }
}

/** What the JSON form of an answer holds, for a list of versions. */
export function versionsJson(
  bucket: Uint8Array,
  key: Uint8Array,
  context: string,
  siblings: readonly Sibling[],
): Record<string, unknown> {
  return {
    ...bytesMember('bucket', bucket),
    ...bytesMember('key', key),
    context,
    versions: siblings.map(versionJson),
  }
}

/** A boundary that occurs in none of the values: the digest alone could be foreseen by whoever writes the next one. */
function boundaryFor(digest: string, siblings: readonly Sibling[]): string {
  for (let attempt = 0; ; attempt++) {
    const boundary = `rotunda-${digest}-${attempt}`
    const needle = Buffer.from(`--${boundary}`)
    const occurs = siblings.some(({ value }) =>
      Buffer.from(value.buffer, value.byteOffset, value.length).includes(needle),
    )
    if (!occurs) return boundary
  }
}

function partHead(boundary: string, sibling: Sibling): Buffer {
  const headers = versionHeaders(sibling)
  if (sibling.tombstone) headers.push('Rotunda-Deleted', 'true')
  let text = `--${boundary}\r\n`
  for (let at = 0; at < headers.length; at += 2) text += `${headers[at]}: ${headers[at + 1]}\r\n`
  return Buffer.from(`${text}\r\n`, 'latin1')
}

/** One part for each version, with its own headers. */
export function multipart(
  digest: string,
  siblings: readonly Sibling[],
): { readonly contentType: string; readonly body: Buffer } {
  const boundary = boundaryFor(digest, siblings)
  const parts: Uint8Array[] = []
  const lineEnd = Buffer.from('\r\n')
  for (const sibling of siblings) parts.push(partHead(boundary, sibling), sibling.value, lineEnd)
  parts.push(Buffer.from(`--${boundary}--\r\n`))
  return { contentType: `multipart/mixed; boundary="${boundary}"`, body: Buffer.concat(parts) }
}

/** The versions that a list shows. */
export function listed(versions: Versions, tombstones: boolean): readonly Sibling[] {
  return tombstones ? [...versions.live, ...versions.tombstones] : versions.live
}

/** When the latest of them was written, by the clocks of those who took them. */
export function latestWallMs(siblings: readonly Sibling[]): number {
  return siblings.reduce((latest, { wallMs }) => Math.max(latest, wallMs), 0)
}
