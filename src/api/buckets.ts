/** Properties of a bucket: GET shows what is in force, PUT replaces them, DELETE drops them. */
import { isUtf8 } from 'node:buffer'
import { RotundaError } from '../errors.js'
import { limits } from '../limits.js'
import type { BucketSet, BucketView, QuorumChoice } from '../node/requests.js'
import { readBody } from './body.js'
import type { Exchange } from './exchange.js'
import { jsonHeaders, sendJson } from './json.js'
import { parseQuery, timeoutParameter } from './query.js'
import { bytesMember } from './representation.js'
import { bucketOf } from './target.js'
import { refuseBody } from './values.js'

export const BUCKET_PARAMETERS = ['timeout'] as const

const NO_CONTENT = 204
const PROPERTIES_BYTES = 4 * 1024
const NAMES = ['r', 'w', 'sloppy', 'resolve', 'ttlSeconds'] as const

function bad(message: string): RotundaError {
  return new RotundaError('BAD_PARAM', `${message}; nothing was changed.`)
}

/** `resolve` and `ttlSeconds` have one value each so far: all concurrent versions are kept and shown, and nothing expires. */
function viewJson(bucket: Uint8Array, { r, w, sloppy }: BucketView): Record<string, unknown> {
  return { ...bytesMember('bucket', bucket), r, w, sloppy, resolve: 'siblings', ttlSeconds: null }
}

/** The JSON object that a body is; `example` tells how it is to look. */
export function objectIn(body: Uint8Array, example: string): Record<string, unknown> {
  let content: unknown
  try {
    content = isUtf8(body) ? JSON.parse(Buffer.from(body).toString('utf8')) : undefined
  } catch {
    content = undefined
  }
  if (typeof content !== 'object' || content === null || Array.isArray(content))
    throw bad(`The body is to be a JSON object, like ${example}`)
  return content as Record<string, unknown>
}

function quorumIn(name: string, value: unknown): QuorumChoice | undefined {
  if (value === undefined || value === null) return undefined
  if (value === 'one' || value === 'quorum' || value === 'all') return value
  const isCount = typeof value === 'number' && Number.isInteger(value)
  if (isCount && value >= 1 && value <= limits.replicas) return value
  throw bad(`${name} is one, quorum, all or a number from 1 to N`)
}

function propertiesIn(body: Uint8Array): Partial<BucketView> {
  const content = objectIn(body, '{"r":1,"w":"quorum","sloppy":false}')
  for (const name of Object.keys(content)) {
    if (!(NAMES as readonly string[]).includes(name))
      throw bad(`A bucket has no property ${JSON.stringify(name.slice(0, 40))}, only ${NAMES.join(', ')}`)
  }
  const { resolve, ttlSeconds } = content
  if (resolve !== undefined && resolve !== null && resolve !== 'siblings')
    throw bad('resolve takes only "siblings" in this version')
  if (ttlSeconds !== undefined && ttlSeconds !== null) throw bad('ttlSeconds takes only null in this version')
  const sloppy = content.sloppy ?? undefined
  if (sloppy !== undefined && typeof sloppy !== 'boolean') throw bad('sloppy is true or false')
  const [r, w] = [quorumIn('r', content.r), quorumIn('w', content.w)]
  return {
    ...(r === undefined ? {} : { r }),
    ...(w === undefined ? {} : { w }),
    ...(sloppy === undefined ? {} : { sloppy }),
  }
}

function showInForce(exchange: Exchange, bucket: Uint8Array): void {
  const view = exchange.edge.database.bucket(bucket)
  if (view === undefined) exchange.fail('NOT_READY')
  else sendJson(exchange, viewJson(bucket, view))
}

export function showBucket(exchange: Exchange): void {
  const bucket = bucketOf(exchange.target)
  parseQuery(exchange.target, [])
  refuseBody(exchange)
  showInForce(exchange, bucket)
}

export function putBucket(exchange: Exchange): void {
  const { edge, target } = exchange
  const bucket = bucketOf(target)
  const timeoutMs = timeoutParameter(parseQuery(target, BUCKET_PARAMETERS))
  exchange.admit()
  readBody(
    exchange,
    PROPERTIES_BYTES,
    (body) => {
      const request = {
        bucket,
        properties: propertiesIn(body),
        deadlineMs: edge.clock.monotonicMs() + timeoutMs,
      }
      exchange.ask<BucketSet>(
        (done) => edge.database.setBucket(request, done),
        () => showInForce(exchange, bucket),
      )
    },
    'A description of a bucket',
  )
}

export function dropBucket(exchange: Exchange): void {
  const { edge, target } = exchange
  const bucket = bucketOf(target)
  const deadlineMs = exchange.startMs + timeoutParameter(parseQuery(target, BUCKET_PARAMETERS))
  refuseBody(exchange)
  exchange.admit()
  exchange.ask<BucketSet>(
    (done) => edge.database.setBucket({ bucket, properties: undefined, deadlineMs }, done),
    () => exchange.send(NO_CONTENT, jsonHeaders().slice(2)),
  )
}
