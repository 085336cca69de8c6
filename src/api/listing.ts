/**
 * GET of a bucket: its live keys in byte order, in pages. A cursor is a sealed token that holds the key after which the next page begins,
 * bound to bucket and prefix: it cannot be made up, and it works on every node.
 */
import { RotundaError } from '../errors.js'
import { limits } from '../limits.js'
import type { Listed } from '../node/requests.js'
import type { Exchange } from './exchange.js'
import { sendJson } from './json.js'
import { numberParameter, parseQuery, prefixParameter, timeoutParameter } from './query.js'
import { bytesMember } from './representation.js'
import { openToken } from './request-head.js'
import { bucketOf } from './target.js'
import { refuseBody } from './values.js'

export const LIST_PARAMETERS = ['prefix', 'limit', 'cursor', 'timeout'] as const

function keyEntry(key: Uint8Array): string | Record<string, string> {
  const member = bytesMember('key', key)
  return member.key ?? member
}

function afterCursor(
  exchange: Exchange,
  bucket: Uint8Array,
  prefix: Uint8Array,
  cursor: string | undefined,
): Uint8Array | undefined {
  if (cursor === undefined || cursor === '') return undefined
  const opened = openToken(exchange, 'cursor', bucket, prefix, cursor)
  if (opened !== undefined) return opened.payload
  throw new RotundaError(
    'BAD_PARAM',
    'The cursor is damaged, or belongs to another bucket or prefix; begin again without one.',
  )
}

export function listKeys(exchange: Exchange): void {
  const { edge, target } = exchange
  const bucket = bucketOf(target)
  const query = parseQuery(target, LIST_PARAMETERS)
  const prefix = prefixParameter(query, target.base64)
  const limit = numberParameter(query, 'limit', 1, limits.listPageKeys, limits.listPageKeysDefault)
  const after = afterCursor(exchange, bucket, prefix, query.get('cursor'))
  const deadlineMs = exchange.startMs + timeoutParameter(query)
  refuseBody(exchange)
  exchange.admit()
  exchange.ask<Listed>(
    (done) => edge.database.list({ bucket, prefix, after, limit, deadlineMs }, done),
    ({ keys, next }) => {
      const cursor = next === undefined ? null : edge.tokens.seal('cursor', bucket, prefix, '', next)
      sendJson(exchange, { keys: keys.map(keyEntry), cursor })
    },
  )
}
