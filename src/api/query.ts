/** Query parameters: few, known by name for each route, each at most once. Anything else is a 400, so that a typo is never ignored. */
import { RotundaError } from '../errors.js'
import { limits } from '../limits.js'
import type { QuorumChoice } from '../node/requests.js'
import { decodeBase64urlPiece, decodePercent, type Piece } from './bytes-in-url.js'
import type { Target } from './target.js'

/** Raw texts by parameter name; not yet decoded. */
export type Query = ReadonlyMap<string, string>

const NONE: Query = new Map()

function quoted(text: string): string {
  return JSON.stringify(text.length > 40 ? `${text.slice(0, 40)}…` : text)
}

function bad(name: string, raw: string, wanted: string): RotundaError {
  return new RotundaError('BAD_PARAM', `The parameter ${name} is ${quoted(raw)}; it takes ${wanted}.`)
}

/** The target's parameters; throws BAD_PARAM for one that is not in `known`, or is there twice. */
export function parseQuery(target: Target, known: readonly string[]): Query {
  if (target.pathEnd >= target.url.length - 1) return NONE
  const query = new Map<string, string>()
  for (const pair of target.url.slice(target.pathEnd + 1).split('&')) {
    if (pair === '') continue
    const equals = pair.indexOf('=')
    const name = equals === -1 ? pair : pair.slice(0, equals)
    if (!known.includes(name)) {
      const names = known.length === 0 ? 'none' : known.join(', ')
      throw new RotundaError('BAD_PARAM', `Unknown parameter ${quoted(name)}; this request takes ${names}.`)
    }
    if (query.has(name)) throw new RotundaError('BAD_PARAM', `The parameter ${name} is there twice.`)
    query.set(name, equals === -1 ? '' : pair.slice(equals + 1))
  }
  return query
}

/** A decimal number without sign or leading zeros, at most nine digits; undefined for anything else. */
function wholeNumber(raw: string): number | undefined {
  if (raw.length === 0 || raw.length > 9 || (raw.length > 1 && raw.charCodeAt(0) === 48)) return undefined
  let value = 0
  for (let at = 0; at < raw.length; at++) {
    const digit = raw.charCodeAt(at) - 48
    if (digit < 0 || digit > 9) return undefined
    value = value * 10 + digit
  }
  return value
}

/** A parameter's text, percent-decoded; where that cannot be, as it is: no parameter that is read this way takes a percent sign. */
export function textOf(query: Query, name: string): string | undefined {
  const raw = query.get(name)
  if (raw?.includes('%') !== true) return raw
  try {
    return decodeURIComponent(raw)
  } catch {
    return raw
  }
}

/** A whole number within bounds, or `otherwise` where the parameter is absent. */
export function numberParameter(
  query: Query,
  name: string,
  least: number,
  most: number,
  otherwise: number,
): number {
  const raw = textOf(query, name)
  if (raw === undefined) return otherwise
  const value = wholeNumber(raw)
  if (value === undefined || value < least || value > most)
    throw bad(name, raw, `a number from ${least} to ${most}`)
  return value
}

/** `r` or `w`. That a number is not above the N in force is for the node to say. */
export function quorumParameter(query: Query, name: string): QuorumChoice | undefined {
  const raw = textOf(query, name)
  if (raw === undefined || raw === 'one' || raw === 'quorum' || raw === 'all') return raw
  const value = wholeNumber(raw)
  if (value === undefined || value < 1 || value > limits.replicas)
    throw bad(name, raw, 'one, quorum, all or a number from 1 to N')
  return value
}

/** How long the client waits, in ms. */
export function timeoutParameter(query: Query): number {
  return numberParameter(query, 'timeout', 1, limits.maxTimeoutMs, limits.defaultTimeoutMs)
}

/** A parameter that takes one of these words; undefined where it is absent. */
export function wordParameter<Word extends string>(
  query: Query,
  name: string,
  words: readonly Word[],
): Word | undefined {
  const raw = textOf(query, name)
  if (raw === undefined) return undefined
  const word = words.find((candidate) => candidate === raw)
  if (word === undefined) throw bad(name, raw, words.join(' or '))
  return word
}

const PREFIX: Piece = {
  name: 'parameter prefix',
  minBytes: 0,
  maxBytes: limits.keyBytes,
  code: 'BAD_PARAM',
  form: true,
}

/** The bytes that listed keys begin with: percent-encoded UTF-8, or base64url on a kv64 path. */
export function prefixParameter(query: Query, base64: boolean): Uint8Array {
  const raw = query.get('prefix') ?? ''
  return base64 ? decodeBase64urlPiece(raw, 0, raw.length, PREFIX) : decodePercent(raw, 0, raw.length, PREFIX)
}
