/**
 * Bytes in a URL, decoded exactly once and by nobody else: what the router, a URL class or a path library would do to `../x`,
 * `a%2Fb` or `%252F` never happens to a key. Two spellings: percent-encoding (RFC 3986, section 2.1) of UTF-8, and base64url
 * (RFC 4648, section 5, no padding, canonical) of any bytes.
 */
import { isUtf8 } from 'node:buffer'
import { RotundaError } from '../errors.js'

const PERCENT = 37
const PLUS = 43
const SPACE = 32

/** What is being decoded, for the message, and its bounds. */
export interface Piece {
  readonly name: string
  readonly minBytes: number
  readonly maxBytes: number
  readonly code: 'BAD_KEY' | 'BAD_PARAM'
  /** Form encoding (query strings): `+` is a space. */
  readonly form: boolean
}

/** Value of a hexadecimal digit by its character code, −1 where it is none. */
function hexDigit(code: number): number {
  if (code >= 48 && code <= 57) return code - 48
  const letter = code | 32
  return letter >= 97 && letter <= 102 ? letter - 87 : -1
}

function refuse(piece: Piece, why: string): never {
  throw new RotundaError(piece.code, `The ${piece.name} ${why}.`)
}

function checkLength(piece: Piece, length: number): void {
  if (length < piece.minBytes) refuse(piece, 'is empty')
  if (length > piece.maxBytes) {
    throw new RotundaError(piece.code, `The ${piece.name} has ${length} bytes; at most ${piece.maxBytes}.`, {
      limitBytes: piece.maxBytes,
      gotBytes: length,
    })
  }
}

/** One character that stands for itself; throws on what must be percent-encoded. */
function literal(code: number, piece: Piece): number {
  if (code === PLUS && piece.form) return SPACE
  if (code === 47 && !piece.form) refuse(piece, 'contains a slash; write it as %2F')
  if (code === 35) refuse(piece, 'contains a raw "#"; write it as %23')
  if (code <= SPACE || code >= 127) refuse(piece, 'contains a raw byte that must be percent-encoded')
  return code
}

/** The byte of the escape at `at` in `raw` (which ends at `to`). */
function escaped(raw: string, at: number, to: number, piece: Piece): number {
  const high = at + 2 < to ? hexDigit(raw.charCodeAt(at + 1)) : -1
  const low = at + 2 < to ? hexDigit(raw.charCodeAt(at + 2)) : -1
  if (high < 0 || low < 0) refuse(piece, 'has a "%" that is not followed by two hexadecimal digits')
  return high * 16 + low
}

/**
 * The bytes of `raw[from, to)`, percent-decoded once. Throws RotundaError with the piece's code where the encoding is broken,
 * the bytes are no UTF-8, or their number is out of range.
 */
export function decodePercent(raw: string, from: number, to: number, piece: Piece): Buffer {
  // Three characters a byte at most: a longer text is refused before memory is taken for it.
  if (to - from > piece.maxBytes * 3) checkLength(piece, Math.ceil((to - from) / 3))
  const bytes = Buffer.allocUnsafe(to - from)
  let length = 0
  let beyondAscii = false
  for (let at = from; at < to; at++) {
    let byte = raw.charCodeAt(at)
    if (byte === PERCENT) {
      byte = escaped(raw, at, to, piece)
      at += 2
      if (byte > 127) beyondAscii = true
    } else {
      byte = literal(byte, piece)
    }
    bytes[length++] = byte
  }
  checkLength(piece, length)
  const decoded = length === bytes.length ? bytes : bytes.subarray(0, length)
  if (beyondAscii && !isUtf8(decoded)) {
    refuse(piece, 'is not UTF-8; bytes that are not are reached by /v1/kv64')
  }
  return decoded
}

/** The bytes of canonical base64url without padding, or undefined: one sequence of bytes has one spelling. */
export function decodeBase64url(raw: string): Buffer | undefined {
  const bytes = Buffer.from(raw, 'base64url')
  return bytes.toString('base64url') === raw ? bytes : undefined
}

/** As decodePercent, for the base64url spelling. Any bytes are allowed. */
export function decodeBase64urlPiece(raw: string, from: number, to: number, piece: Piece): Buffer {
  if (to - from > piece.maxBytes * 2) checkLength(piece, Math.floor(((to - from) * 3) / 4))
  const text = raw.slice(from, to)
  if (text.includes('/')) refuse(piece, 'contains a slash')
  const bytes = decodeBase64url(text)
  if (bytes === undefined) refuse(piece, 'is not canonical base64url without padding')
  checkLength(piece, bytes.length)
  return bytes
}
