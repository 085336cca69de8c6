/**
 * Texts in HTTP headers. Node's parser gives the bytes of a header as one character each (ISO 8859-1), and writes them back so; a value
 * that came through HTTP therefore keeps its bytes. One that came through another edge may hold any text, and must never break a head.
 */
import { isUtf8 } from 'node:buffer'

const NOT_PRINTABLE_ASCII = /[^\t\x20-\x7e]/
const BREAKS_HEAD = /[^\t\x20-\x7e\x80-\xff]/
const BEYOND_LATIN1 = /[\u0100-\uffff]/

/** The text as it may stand in a head, or undefined where it may not. Characters beyond ISO 8859-1 are written as UTF-8. */
export function asHeader(text: string): string | undefined {
  if (!NOT_PRINTABLE_ASCII.test(text)) return text
  const bytes = BEYOND_LATIN1.test(text) ? Buffer.from(text, 'utf8').toString('latin1') : text
  return BREAKS_HEAD.test(bytes) ? undefined : bytes
}

/** A header's text for people: read as UTF-8 where its bytes are that, as most clients send it. */
export function asText(header: string): string {
  if (!NOT_PRINTABLE_ASCII.test(header) || BEYOND_LATIN1.test(header)) return header
  const bytes = Buffer.from(header, 'latin1')
  return isUtf8(bytes) ? bytes.toString('utf8') : header
}

let lastSecond = Number.NaN
let lastDate = ''

/** A time as RFC 9110, section 5.6.7 wants it. The latest one is kept: values read together were often written together. */
export function httpDate(wallMs: number): string {
  const second = Math.floor(wallMs / 1000)
  if (second !== lastSecond) {
    lastDate = new Date(wallMs).toUTCString()
    lastSecond = second
  }
  return lastDate
}
