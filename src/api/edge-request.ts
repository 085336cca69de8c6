/**
 * A request as Node's parser delivers it, without what Node's own class does for every request and this edge has no use for. Node's server makes
 * its requests of the class that it is given (option `IncomingMessage`), and this one differs in two things:
 *
 * - The body goes straight to who reads it. A put's body usually comes with its head; through a Readable it costs three listeners, a buffer and four
 *   callbacks of later ticks. So the parser's `push` ends at the `sink`, if there is one before the first byte. Whoever comes later, or takes what
 *   nobody wanted (linger.ts), finds the ordinary stream.
 * - `headers` has the fields that are looked at, and no others (head-fields.ts).
 */
import { IncomingMessage } from 'node:http'
import { Readable } from 'node:stream'
import { Head, type HeadFields } from './head-fields.js'
import type { Target } from './target.js'

/** Who reads a body. */
export interface BodySink {
  chunk(bytes: Buffer): void
  /** All of it has come. */
  end(): void
  /** The connection has gone before the end: nothing more will come. */
  gone(): void
}

export class EdgeRequest extends IncomingMessage {
  target: Target | undefined = undefined
  /** The client waits for "100 Continue" before it sends the body. */
  awaitsContinue = false
  /** The end came, and not by way of the stream. */
  endedDirectly = false
  #head: Head | undefined = undefined
  #sink: BodySink | undefined = undefined
  /** Something of the body, or its end, has gone into the stream. */
  #streams = false
  /** Node's own: somebody reads, so that it need not. */
  declare _consuming: boolean

  /** What the head says. */
  get head(): Head {
    this.#head ??= new Head(this.rawHeaders)
    return this.#head
  }

  get fields(): HeadFields {
    return this.head.fields
  }

  /** Has the request a body, by its head? */
  get announcesBody(): boolean {
    const { fields } = this
    const length = fields['content-length']
    return (length !== undefined && length !== '0') || fields['transfer-encoding'] !== undefined
  }

  /** Gives the body to `sink` as it comes. False where some of it, or its end, is in the stream already: it must be read there. */
  sendTo(sink: BodySink): boolean {
    if (this.#streams || this.endedDirectly || this.destroyed) return false
    this.#sink = sink
    this._consuming = true
    return true
  }

  /** What still comes goes into the stream. */
  leaveSink(): void {
    this.#sink = undefined
  }

  override push(chunk: Buffer | null): boolean {
    const sink = this.#sink
    if (chunk === null) {
      if (sink === undefined && (this.#streams || this.announcesBody)) return this.#stream(chunk)
      this.endedDirectly = true
      this._consuming = true
      this.#sink = undefined
      sink?.end()
    } else {
      if (sink === undefined) return this.#stream(chunk)
      sink.chunk(chunk)
    }
    return true
  }

  #stream(chunk: Buffer | null): boolean {
    this.#streams = true
    return super.push(chunk)
  }

  override _destroy(error: Error | null, done: (error?: Error | null) => void): void {
    const sink = this.#sink
    this.#sink = undefined
    sink?.gone()
    super._destroy(error, done)
  }
}

const streamEnded = Object.getOwnPropertyDescriptor(Readable.prototype, 'readableEnded')!.get!

// Both are accessors in Node, but properties in its types.
Object.defineProperties(EdgeRequest.prototype, {
  headers: {
    get(this: EdgeRequest) {
      return this.fields
    },
  },
  readableEnded: {
    get(this: EdgeRequest) {
      return this.endedDirectly || streamEnded.call(this)
    },
  },
})
