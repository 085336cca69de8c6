/**
 * What backups ask of a node: GET /v1/cluster/backup shows a page of its rows, POST /v1/cluster/restore takes rows of a backup into the cluster. Pages are bounded, and each
 * is a request of its own: whoever reads slowly holds nothing here, and whoever was stopped goes on where it was.
 */
import { RotundaError } from '../errors.js'
import { checkObject, makeRowKey, splitRowKey } from '../kernel/index.js'
import { limits } from '../limits.js'
import type { CopiedRange, Restored } from '../node/requests.js'
import { WireError } from '../wire/bytes.js'
import { type CopiedRow, decodeRows, ROW_KEY_BYTES } from '../wire/copied-rows.js'
import { readBody } from './body.js'
import type { Exchange } from './exchange.js'
import { sendJson } from './json.js'
import { parseQuery, type Query, timeoutParameter, wordParameter } from './query.js'
import { sendHeld } from './slow-readers.js'
import { refuseBody } from './values.js'

export const COPY_PARAMETERS = ['of', 'from', 'to', 'timeout'] as const
export const RESTORE_PARAMETERS = ['history', 'rounds', 'reaped', 'timeout'] as const

const OK = 200
const OBJECT_AT_LEAST = 2

function hexParameter(query: Query, name: string, mostBytes: number): Uint8Array | undefined {
  const text = query.get(name)
  if (text === undefined) return undefined
  if (text.length <= 2 * mostBytes && /^(?:[0-9a-f]{2})*$/.test(text)) return Buffer.from(text, 'hex')
  throw new RotundaError('BAD_PARAM', `The parameter ${name} takes hex digits, two for each byte.`)
}

/** One page of a range of row keys. */
export function showCopy(exchange: Exchange): void {
  const { edge, target, startMs } = exchange
  const query = parseQuery(target, COPY_PARAMETERS)
  const of = wordParameter(query, 'of', ['rows', 'digests', 'kept']) ?? 'rows'
  const from = hexParameter(query, 'from', ROW_KEY_BYTES + 1) ?? new Uint8Array(0)
  const to = hexParameter(query, 'to', ROW_KEY_BYTES + 1)
  const deadlineMs = startMs + timeoutParameter(query)
  refuseBody(exchange)
  exchange.admit()
  exchange.ask<CopiedRange>(
    (done) => edge.database.copy({ of, from, to, deadlineMs }, done),
    ({ page }) => sendHeld(exchange, OK, pageHeaders(), page),
  )
}

function pageHeaders(): string[] {
  const headers = ['Content-Type', 'application/octet-stream', 'Cache-Control', 'no-store']
  return [...headers, 'X-Content-Type-Options', 'nosniff']
}

/** Rows of a backup, in the form of its files. */
export function takeRows(exchange: Exchange): void {
  const { edge, target } = exchange
  const query = parseQuery(target, RESTORE_PARAMETERS)
  const mark = markIn(query)
  const allowReaped = wordParameter(query, 'reaped', ['allow']) === 'allow'
  const timeoutMs = timeoutParameter(query)
  exchange.admit()
  readBody(
    exchange,
    limits.restoredBytes,
    (body) => {
      const deadlineMs = edge.clock.monotonicMs() + timeoutMs
      const request = { rows: rowsIn(body), mark, allowReaped, deadlineMs }
      exchange.ask<Restored>(
        (done) => edge.database.restore(request, done),
        ({ written, known, held, failed }) => sendJson(exchange, { written, known, held, failed }),
      )
    },
    'A batch of rows',
  )
}

function markIn(query: Query): { history: string; rounds: number } | undefined {
  const history = query.get('history')
  const rounds = query.get('rounds')
  if (history === undefined && rounds === undefined) return undefined
  if (history === undefined || rounds === undefined)
    throw new RotundaError('BAD_PARAM', 'history and rounds are given together or not at all.')
  if (!/^[0-9a-f]{16}$/.test(history) || !/^\d{1,15}$/.test(rounds))
    throw new RotundaError('BAD_PARAM', 'history takes 16 hex digits, and rounds a number.')
  return { history, rounds: Number(rounds) }
}

/** All of them are looked at before the first is given on. */
function rowsIn(body: Uint8Array): readonly CopiedRow[] {
  try {
    const rows = decodeRows(body)
    if (rows.length > limits.restoredRows)
      throw new WireError(`${rows.length} rows are more than ${limits.restoredRows}`)
    for (const row of rows) checkRow(row)
    return rows
  } catch (error) {
    if (!(error instanceof WireError)) throw error
    throw new RotundaError(
      'BAD_PARAM',
      `The body is no batch of rows: ${error.message}; nothing was written.`,
    )
  }
}

function checkRow({ rowKey, object }: CopiedRow): void {
  const { bucket, key } = isWhole(rowKey) ? splitRowKey(rowKey) : NO_KEY
  if (
    key.length === 0 ||
    key.length > limits.keyBytes ||
    Buffer.compare(makeRowKey(bucket, key), rowKey) !== 0
  )
    throw new WireError('a row key is not that of its bucket and key')
  if (object.length < OBJECT_AT_LEAST || checkObject(object) !== 0)
    throw new WireError('an object is damaged')
}

const NO_KEY = { bucket: new Uint8Array(0), key: new Uint8Array(0) }

/** It is long enough for the bucket that it promises. */
function isWhole(rowKey: Uint8Array): boolean {
  return rowKey.length > 3 && rowKey.length > 3 + rowKey[2]!
}
