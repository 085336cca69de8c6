/** The answer that shows a key: one version as itself, several as a list, none as a 404. */
import type { Sibling } from '../kernel/index.js'
import { type Form, formFor } from './accept.js'
import { digestText, etagFor, noneMatchNames, type Shape } from './etag.js'
import type { Exchange, HeaderList } from './exchange.js'
import { httpDate } from './header-text.js'
import { latestWallMs, listed, multipart, versionHeaders, versionsJson } from './representation.js'
import { sendHeld } from './slow-readers.js'
import { type Versions, versionsOf } from './versions.js'

export interface Reading {
  readonly bucket: Uint8Array
  readonly key: Uint8Array
  readonly object: Uint8Array | undefined
  /** The node that answered fastest: the hint that the context carries. */
  readonly fastest: string
}

/** What the client wants to see. */
export interface Wish {
  /** ?versions=true: a list in any case, tombstones included. */
  readonly versions: boolean
  /** The Accept header: the form of a list. */
  readonly accept: string | undefined
  /** If-None-Match. */
  readonly noneMatch: string | undefined
}

/** On every answer of a value: it is never stored unchecked, sniffed for another type, or run as a page of this origin. */
const VALUE_HEADERS: readonly string[] = [
  'Cache-Control',
  'no-cache',
  'Vary',
  'Accept',
  'X-Content-Type-Options',
  'nosniff',
  'Content-Security-Policy',
  'sandbox',
]

const OK = 200
const SEVERAL = 300
const NOT_MODIFIED = 304

/** Nothing live. Where a deletion or history is known the context says so, and who asked for all versions gets the tombstones. */
function answerNothing(exchange: Exchange, reading: Reading, versions: Versions, wish: Wish): void {
  if (reading.object === undefined || reading.object.length === 0) {
    exchange.fail('NOT_FOUND', { headers: ['Vary', 'Accept'] })
    return
  }
  const { bucket, key, fastest } = reading
  const context = exchange.edge.tokens.seal('context', bucket, key, fastest, versions.clock)
  exchange.fail('NOT_FOUND', {
    headers: ['Vary', 'Accept', 'Rotunda-Context', context],
    beside: wish.versions ? versionsJson(bucket, key, context, versions.tombstones) : {},
  })
}

/** A list of versions in the form that the client prefers. */
function answerList(
  exchange: Exchange,
  { bucket, key }: Reading,
  siblings: readonly Sibling[],
  form: Form,
  answer: {
    readonly status: number
    readonly digest: string
    readonly context: string
    readonly headers: HeaderList
  },
): void {
  const { status, digest, context, headers } = answer
  headers.push('Last-Modified', httpDate(latestWallMs(siblings)))
  if (form === 'multipart') {
    const { contentType, body } = multipart(digest, siblings)
    headers.push('Content-Type', contentType)
    sendHeld(exchange, status, headers, body)
  } else {
    headers.push('Content-Type', 'application/json')
    sendHeld(exchange, status, headers, JSON.stringify(versionsJson(bucket, key, context, siblings)))
  }
}

/** Shows what was read. */
export function answerVersions(exchange: Exchange, reading: Reading, wish: Wish): void {
  const { bucket, key, object, fastest } = reading
  const versions = versionsOf(object)
  const [first, second] = versions.live
  if (object === undefined || first === undefined) {
    answerNothing(exchange, reading, versions, wish)
    return
  }
  const form = second === undefined && !wish.versions ? undefined : formFor(wish.accept)
  const digest = digestText(object)
  const etag = etagFor(digest, shapeOf(form, wish.versions))
  const context = exchange.edge.tokens.seal('context', bucket, key, fastest, versions.clock)
  const headers = ['ETag', etag, 'Rotunda-Context', context, ...VALUE_HEADERS]
  if (wish.noneMatch !== undefined && noneMatchNames(wish.noneMatch, etag)) {
    exchange.send(NOT_MODIFIED, headers)
  } else if (form === undefined) {
    headers.push(...versionHeaders(first))
    sendHeld(exchange, OK, headers, first.value)
  } else {
    const status = second === undefined ? OK : SEVERAL
    const siblings = listed(versions, wish.versions)
    answerList(exchange, reading, siblings, form, { status, digest, context, headers })
  }
}

function shapeOf(form: Form | undefined, tombstones: boolean): Shape {
  if (form === undefined) return 'value'
  return tombstones ? `${form}+tombstones` : form
}
