/**
 * Entity tags. They digest clock and live dots, which are the same on every node that holds the same versions, and name the form in which
 * these are shown. One version's own bytes have a strong tag; lists of versions have weak ones, since the token within them may differ.
 */
import { CODES, DIGEST_BYTES, versionDigest } from '../kernel/index.js'
import type { Form } from './accept.js'

/** What is shown: the one value itself, or a list in this form, with tombstones or without. */
export type Shape = 'value' | Form | `${Form}+tombstones`

const SUFFIXES: Record<Shape, string> = {
  value: '',
  json: '.j',
  'json+tombstones': '.jt',
  multipart: '.m',
  'multipart+tombstones': '.mt',
}

const scratch = Buffer.alloc(DIGEST_BYTES)

/** The digest of an object's versions as text; also names multipart boundaries. */
export function digestText(object: Uint8Array): string {
  if (versionDigest(object, scratch) === CODES.BAD_OBJECT)
    throw new Error('the database gave no valid object')
  return scratch.toString('base64url')
}

export function etagFor(digest: string, shape: Shape): string {
  return shape === 'value' ? `"${digest}"` : `W/"${digest}${SUFFIXES[shape]}"`
}

/** Does If-None-Match name this tag? Weak comparison (RFC 9110, section 13.1.2). */
export function noneMatchNames(header: string, etag: string): boolean {
  if (header === etag) return true
  if (header.trim() === '*') return true
  const opaque = etag.startsWith('W/') ? etag.slice(2) : etag
  return header.split(',').some((part) => {
    const tag = part.trim()
    return tag === opaque || tag === `W/${opaque}`
  })
}
