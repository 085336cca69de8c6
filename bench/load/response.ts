/**
 * The least of HTTP/1.1 that a load generator needs (RFC 9112): one answer at a time, with a Content-Length or without a body.
 * Whole answers are read in place; only one that arrives in pieces is copied together.
 */
export interface Answer {
  status: number
  /** Rotunda-Context, '' where there is none. */
  context: string
  /** Retry-After in seconds, 0 where there is none. */
  retryAfterSeconds: number
  /** Valid until the next call of `push`. */
  body: Buffer
}

const HEAD_END = Buffer.from('\r\n\r\n')
const NOTHING = Buffer.alloc(0)
/** A peer that sends a head larger than this is no HTTP server. */
const HEAD_BYTES = 128 * 1024
const ANSWER_BYTES = 64 * 1024 * 1024

export class ResponseReader {
  #pending: Buffer = NOTHING
  readonly #answer: Answer = { status: 0, context: '', retryAfterSeconds: 0, body: NOTHING }
  #headBytes = 0
  #bodyBytes = 0

  /** Takes the bytes that came; gives the answer once it is whole (the same object each time). Throws on what is no answer. */
  push(chunk: Buffer): Answer | undefined {
    const bytes = this.#pending.length === 0 ? chunk : Buffer.concat([this.#pending, chunk])
    if (this.#headBytes === 0 && !this.#readHead(bytes)) return this.#wait(bytes, chunk)
    const end = this.#headBytes + this.#bodyBytes
    if (bytes.length < end) return this.#wait(bytes, chunk)
    if (bytes.length > end) throw new Error('more bytes than one answer to one request')
    this.#answer.body = bytes.subarray(this.#headBytes)
    this.#headBytes = 0
    this.#pending = NOTHING
    return this.#answer
  }

  /** `chunk` belongs to the socket, which will write over it. */
  #wait(bytes: Buffer, chunk: Buffer): undefined {
    this.#pending = bytes === chunk ? Buffer.from(chunk) : bytes
    return undefined
  }

  #readHead(bytes: Buffer): boolean {
    const end = bytes.indexOf(HEAD_END)
    if (end < 0) {
      if (bytes.length > HEAD_BYTES) throw new Error('the head of the answer has no end')
      return false
    }
    const head = bytes.toString('latin1', 0, end)
    if (!head.startsWith('HTTP/1.1 '))
      throw new Error(`no HTTP/1.1 answer: ${JSON.stringify(head.slice(0, 40))}`)
    this.#answer.status = Number(head.slice(9, 12))
    this.#answer.context = ''
    this.#answer.retryAfterSeconds = 0
    this.#bodyBytes = -1
    this.#readFields(head)
    this.#headBytes = end + HEAD_END.length
    if (this.#bodyBytes < 0) this.#bodyBytes = bodyWithoutLength(this.#answer.status)
    return true
  }

  #readFields(head: string): void {
    let start = head.indexOf('\r\n') + 2
    while (start > 1) {
      const next = head.indexOf('\r\n', start)
      this.#readField(head, start, next < 0 ? head.length : next)
      start = next + 2
    }
  }

  #readField(head: string, start: number, end: number): void {
    const colon = head.indexOf(':', start)
    const nameLength = colon - start
    if (nameLength !== 11 && nameLength !== 14 && nameLength !== 15 && nameLength !== 17) return
    const name = head.slice(start, colon).toLowerCase()
    if (name === 'content-length') this.#bodyBytes = bodyLength(head.slice(colon + 1, end))
    else if (name === 'rotunda-context') this.#answer.context = head.slice(colon + 1, end).trim()
    else if (name === 'retry-after') this.#answer.retryAfterSeconds = Number(head.slice(colon + 1, end))
    else if (name === 'transfer-encoding') throw new Error('chunked answers are not read here')
  }
}

function bodyLength(text: string): number {
  const length = Number(text)
  if (!Number.isInteger(length) || length < 0 || length > ANSWER_BYTES)
    throw new Error(`Content-Length ${text}`)
  return length
}

function bodyWithoutLength(status: number): number {
  if (status === 204 || status === 304) return 0
  throw new Error(`an answer ${status} without Content-Length`)
}
