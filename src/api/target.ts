/**
 * Which route a request target means, found on its raw text. The names of the routes are the paths of the OpenAPI document,
 * braces included; fastify has them as literal paths and never sees a key (see api.ts, rewriteUrl).
 */
import { limits } from '../limits.js'
import { decodeBase64urlPiece, decodePercent, type Piece } from './bytes-in-url.js'

export const VALUE_PATH = '/v1/kv/{bucket}/{key}'
export const VALUE64_PATH = '/v1/kv64/{bucket}/{key}'
export const BUCKET_PATH = '/v1/kv/{bucket}'
export const BUCKET64_PATH = '/v1/kv64/{bucket}'
export const EXPLAIN_PATH = '/v1/explain/{bucket}/{key}'
export const PROPERTIES_PATH = '/v1/buckets/{bucket}'

/** A request target that was looked at, but whose bucket and key are not yet decoded. */
export interface Target {
  /** The route's path as in the OpenAPI document, or for anything else the target's own path. */
  readonly path: string
  /** The target in origin form: path and query, raw. */
  readonly url: string
  /** Where the path ends in `url`: the index of "?", or its length. */
  readonly pathEnd: number
  /** Where the bucket begins, and the slash after it (or pathEnd). 0 where the route has no bucket. */
  readonly bucketAt: number
  readonly bucketEnd: number
  readonly base64: boolean
  /** Host and port of a target in absolute form (`GET http://host/…`), which then counts instead of the Host header. */
  readonly authority: string | undefined
}

const BUCKET: Piece = {
  name: 'bucket',
  minBytes: 1,
  maxBytes: limits.bucketBytes,
  code: 'BAD_KEY',
  form: false,
}
const KEY: Piece = { name: 'key', minBytes: 1, maxBytes: limits.keyBytes, code: 'BAD_KEY', form: false }

const SLASH = 47

/** Path, query and authority of `scheme://authority/path?query` (RFC 9112, section 3.2.2). Other forms keep their text and match no route. */
function absoluteForm(target: string): { url: string; authority: string | undefined } {
  const scheme = target.indexOf('://')
  if (scheme < 1) return { url: target, authority: undefined }
  const start = scheme + 3
  const slash = target.indexOf('/', start)
  const query = target.indexOf('?', start)
  if (query !== -1 && (slash === -1 || query < slash)) {
    return { url: `/${target.slice(query)}`, authority: target.slice(start, query) }
  }
  if (slash === -1) return { url: '/', authority: target.slice(start) }
  return { url: target.slice(slash), authority: target.slice(start, slash) }
}

/** What follows a prefix: a bucket, or a bucket, a slash and a key. */
interface Prefix {
  readonly text: string
  readonly keyed: string
  readonly bare: string
}

/** No method takes what follows the bucket's name here: it is no route. */
const BEYOND_PROPERTIES = `${PROPERTIES_PATH}/`

const VALUES: Prefix = { text: '/v1/kv/', keyed: VALUE_PATH, bare: BUCKET_PATH }
const VALUES64: Prefix = { text: '/v1/kv64/', keyed: VALUE64_PATH, bare: BUCKET64_PATH }
const OTHERS: readonly Prefix[] = [
  { text: '/v1/explain/', keyed: EXPLAIN_PATH, bare: EXPLAIN_PATH },
  { text: '/v1/buckets/', keyed: BEYOND_PROPERTIES, bare: PROPERTIES_PATH },
]

function prefixOf(url: string): Prefix | undefined {
  if (url.startsWith(VALUES.text)) return VALUES
  if (url.startsWith(VALUES64.text)) return VALUES64
  return OTHERS.find(({ text }) => url.startsWith(text))
}

/** With a trailing slash, or no bucket, it is a value's path with an empty part, which no method accepts: never an operation on a bucket. */
function pathAfter(prefix: Prefix, hasKey: boolean, isEmpty: boolean): string {
  if (prefix.bare === PROPERTIES_PATH) return hasKey ? prefix.keyed : prefix.bare
  return hasKey || isEmpty ? prefix.keyed : prefix.bare
}

/** Sorts a raw request target (RFC 9112, section 3.2) without decoding it. Total: any text gives a target. */
export function classify(raw: string): Target {
  let url = raw
  let authority: string | undefined
  if (raw.charCodeAt(0) !== SLASH) ({ url, authority } = absoluteForm(raw))
  const question = url.indexOf('?')
  const pathEnd = question === -1 ? url.length : question
  const prefix = prefixOf(url)
  if (prefix === undefined) {
    const path = pathEnd === url.length ? url : url.slice(0, pathEnd)
    return { path, url, pathEnd, bucketAt: 0, bucketEnd: 0, base64: false, authority }
  }
  const bucketAt = prefix.text.length
  const slash = url.indexOf('/', bucketAt)
  const hasKey = slash !== -1 && slash < pathEnd
  const path = pathAfter(prefix, hasKey, bucketAt === pathEnd)
  const bucketEnd = hasKey ? slash : pathEnd
  return { path, url, pathEnd, bucketAt, bucketEnd, base64: prefix === VALUES64, authority }
}

/** The bucket's bytes; throws BAD_KEY. */
export function bucketOf(target: Target): Buffer {
  const decode = target.base64 ? decodeBase64urlPiece : decodePercent
  return decode(target.url, target.bucketAt, target.bucketEnd, BUCKET)
}

/** The key's bytes: all after the bucket's slash, in which a raw slash is an error; throws BAD_KEY. */
export function keyOf(target: Target): Buffer {
  const decode = target.base64 ? decodeBase64urlPiece : decodePercent
  return decode(target.url, Math.min(target.bucketEnd + 1, target.pathEnd), target.pathEnd, KEY)
}
