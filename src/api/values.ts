/** GET, HEAD, PUT and DELETE of one key: from the request's head to the database, and from its outcome to the answer. */
import { RotundaError } from '../errors.js'
import { liveCount } from '../kernel/index.js'
import type { Found, GetRequest, WriteRequest, Written } from '../node/requests.js'
import { answerVersions, type Reading, type Wish } from './answer-versions.js'
import { readBody } from './body.js'
import type { Exchange } from './exchange.js'
import { parseQuery, quorumParameter, timeoutParameter, wordParameter } from './query.js'
import {
  attributesFrom,
  contextOf,
  operationOf,
  refuseReadConditions,
  refuseWriteConditions,
} from './request-head.js'
import { hasRoomFor } from './slow-readers.js'
import { bucketOf, keyOf } from './target.js'

export const GET_PARAMETERS = ['r', 'timeout', 'versions'] as const
export const PUT_PARAMETERS = ['w', 'timeout', 'return'] as const
export const DELETE_PARAMETERS = ['w', 'timeout'] as const

const NO_CONTENT = 204
const NO_BYTES = new Uint8Array(0)

/** Throws BAD_PARAM where a request that has no use for a body brings one. */
export function refuseBody(exchange: Exchange): void {
  if (exchange.request.announcesBody) {
    throw new RotundaError('BAD_PARAM', `${exchange.request.method} takes no body.`)
  }
}

/** GET and HEAD. */
export function getValue(exchange: Exchange): void {
  exchange.admit()
  const { edge, request, target } = exchange
  const bucket = bucketOf(target)
  const key = keyOf(target)
  const query = parseQuery(target, GET_PARAMETERS)
  const r = quorumParameter(query, 'r')
  const versions = wordParameter(query, 'versions', ['true', 'false']) === 'true'
  const deadlineMs = exchange.startMs + timeoutParameter(query)
  refuseReadConditions(exchange)
  refuseBody(exchange)
  const wish: Wish = {
    versions,
    accept: request.fields.accept,
    noneMatch: request.fields['if-none-match'],
  }
  const read: GetRequest = { bucket, key, deadlineMs }
  exchange.ask<Found>(
    (done) => edge.database.get(r === undefined ? read : { ...read, r }, done),
    ({ object, fastest }) => answerVersions(exchange, { bucket, key, object, fastest }, wish),
  )
}

/** The answer of a write that shows nothing: its context. */
function answerWritten(exchange: Exchange, bucket: Uint8Array, key: Uint8Array, written: Written): void {
  const { context, fastest } = written
  const token = exchange.edge.tokens.seal('context', bucket, key, fastest, context)
  exchange.send(NO_CONTENT, ['Rotunda-Context', token])
}

/** As GET would show it, with the context that covers what is shown; or like any write where a reader has no room or nothing is live. */
function answerBody(exchange: Exchange, reading: Reading, written: Written): void {
  const { object } = reading
  // Base64 in JSON is a third longer than the object.
  if (object === undefined || liveCount(object) === 0 || !hasRoomFor(exchange, object.length * 2)) {
    answerWritten(exchange, reading.bucket, reading.key, written)
    return
  }
  const wish: Wish = { versions: false, accept: exchange.request.fields.accept, noneMatch: undefined }
  answerVersions(exchange, reading, wish)
}

/** PUT. */
export function putValue(exchange: Exchange): void {
  exchange.admit()
  const { edge, target } = exchange
  const bucket = bucketOf(target)
  const key = keyOf(target)
  const query = parseQuery(target, PUT_PARAMETERS)
  const w = quorumParameter(query, 'w')
  const timeoutMs = timeoutParameter(query)
  const returnObject = wordParameter(query, 'return', ['body']) === 'body'
  refuseWriteConditions(exchange)
  const context = contextOf(exchange, bucket, key)
  const operation = operationOf(exchange)
  const attributes = attributesFrom(exchange)
  readBody(exchange, edge.valueBytes, (value) => {
    const write: WriteRequest = {
      bucket,
      key,
      tombstone: false,
      context: context?.payload,
      value,
      attributes,
      wallMs: edge.clock.wallMs(),
      operation,
      deadlineMs: edge.clock.monotonicMs() + timeoutMs,
      preferred: context?.hint ?? '',
      returnObject,
    }
    exchange.ask<Written>(
      (done) => edge.database.write(w === undefined ? write : { ...write, w }, done),
      (written) => {
        if (!returnObject) answerWritten(exchange, bucket, key, written)
        else answerBody(exchange, { bucket, key, object: written.object, fastest: written.fastest }, written)
      },
    )
  })
}

/** DELETE. Without a context the database removes what a quorum read shows it now. */
export function deleteValue(exchange: Exchange): void {
  exchange.admit()
  const { edge, target } = exchange
  const bucket = bucketOf(target)
  const key = keyOf(target)
  const query = parseQuery(target, DELETE_PARAMETERS)
  const w = quorumParameter(query, 'w')
  const deadlineMs = exchange.startMs + timeoutParameter(query)
  refuseWriteConditions(exchange)
  refuseBody(exchange)
  const context = contextOf(exchange, bucket, key)
  const operation = operationOf(exchange)
  const write: WriteRequest = {
    bucket,
    key,
    tombstone: true,
    context: context?.payload,
    value: NO_BYTES,
    attributes: NO_BYTES,
    wallMs: edge.clock.wallMs(),
    operation,
    deadlineMs,
    preferred: context?.hint ?? '',
    returnObject: false,
  }
  exchange.ask<Written>(
    (done) => edge.database.write(w === undefined ? write : { ...write, w }, done),
    (written) => answerWritten(exchange, bucket, key, written),
  )
}
