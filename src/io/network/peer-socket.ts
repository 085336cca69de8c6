import type { Socket } from 'node:net'
import { WebSocket } from 'ws'
import { limits } from '../../limits.js'
import { PIECE_BYTES } from '../../wire/frame.js'

/** Why a connection ended, as a fixed name (counted), and in words (logged, told to the sink). */
export interface Ending {
  readonly cause: EndCause
  readonly text: string
}

export type EndCause =
  /** The other side closed it. */
  | 'remote'
  /** The network or the WebSocket protocol failed. */
  | 'broken'
  /** Bytes that are not this protocol. */
  | 'malformed'
  | 'deadline'
  | 'oversize'
  /** No byte came for too long, though we asked. */
  | 'silent'
  /** The other side took nothing for too long while bytes waited. */
  | 'stalled'
  /** A newer connection of the same two nodes took its place. */
  | 'replaced'
  /** The node that owns this network asked for it. */
  | 'dropped'
  | 'not-named'
  /** An attempt that was no longer needed, or was refused. */
  | 'abandoned'
  | 'stopping'

/** Close codes of RFC 6455, section 7.4: 1008 tells a stranger nothing; 4000 comes with a reason, between proven nodes only. */
const CLOSE_STRANGER = 1008
const CLOSE_PROVEN = 4000

/** Options that both ends share. Our own peers never fragment, never compress and send no message larger than a piece. */
export function socketOptions(closeMs: number) {
  return {
    perMessageDeflate: false,
    maxPayload: PIECE_BYTES,
    maxFragments: 16,
    maxBufferedChunks: 4096,
    skipUTF8Validation: true,
    closeTimeout: closeMs,
  }
}

/** Connects to `host:port`. Throws TypeError for an address that is none. */
export function connectPeer(address: string, closeMs: number): PeerSocket {
  const url = new URL(`ws://${address}/peer`)
  if (url.pathname !== '/peer' || url.username !== '' || url.search !== '' || url.hash !== '')
    throw new TypeError(`not an address: ${address}`)
  return new PeerSocket(
    new WebSocket(url, {
      ...socketOptions(closeMs),
      followRedirects: false,
      // An all-zero mask is valid (RFC 6455, 5.3 asks for unpredictable ones to protect proxies from scripts in browsers, which
      // do not dial this port) and lets both ends leave the payload as it is.
      generateMask: (mask) => mask.fill(0),
    }),
  )
}

/**
 * One WebSocket between two nodes, from its first byte to its last: hides the library's events behind four callbacks, says
 * exactly once that it ended, and holds strangers to a byte allowance until `trust`.
 */
export class PeerSocket {
  onOpen: () => void = () => {}
  onMessage: (bytes: Buffer) => void = () => {}
  onPing: () => void = () => {}
  onEnd: (ending: Ending) => void = () => {}
  /** The socket is really gone and holds no memory. Comes after `onEnd`. */
  onGone: () => void = () => {}
  readonly #ws: WebSocket
  #raw: Socket | undefined
  #ended = false
  #trusted = false
  #strangerBytes = 0

  constructor(ws: WebSocket, raw?: Socket) {
    this.#ws = ws
    ws.on('error', (error: NodeJS.ErrnoException) => this.#finish(endingOf(error)))
    ws.on('close', (code, reason) => {
      this.#finish(endingOfClose(code, reason))
      this.onGone()
    })
    ws.on('ping', () => {
      if (!this.#ended) this.onPing()
    })
    ws.on('message', (bytes, isBinary) => {
      if (this.#ended) return
      if (isBinary) this.onMessage(bytes as Buffer)
      else this.end('malformed', 'a text message')
    })
    if (raw !== undefined) this.#opened(raw)
    else ws.once('upgrade', (response) => ws.once('open', () => this.#opened(response.socket)))
  }

  /** The TCP socket; only once open. */
  get raw(): Socket {
    if (this.#raw === undefined) throw new Error('the connection is not open yet')
    return this.#raw
  }

  get ended(): boolean {
    return this.#ended
  }

  /** The other side is proven: from now on it may send as much as it likes, and is told why when it is closed. */
  trust(): void {
    this.#trusted = true
    this.raw.off('data', this.#weigh)
  }

  send(bytes: Uint8Array, written?: (error?: Error) => void): void {
    // Bytes are binary, and nothing is compressed on these sockets: without options there are none to copy for each message.
    this.#ws.send(bytes, written)
  }

  ping(): void {
    this.#ws.ping()
  }

  /** Ends it in order; a stranger gets a generic code and no word, a proven peer the text. */
  end(cause: EndCause, text: string): void {
    if (this.#ended) return
    this.#finish({ cause, text })
    if (this.#trusted) this.#ws.close(CLOSE_PROVEN, shortened(text))
    else this.#ws.close(CLOSE_STRANGER)
  }

  /** Ends it at once; what waits to be written is lost and its memory free. */
  destroy(cause: EndCause, text: string): void {
    this.#finish({ cause, text })
    this.#ws.terminate()
  }

  #opened(raw: Socket): void {
    this.#raw = raw
    raw.prependListener('data', this.#weigh)
    this.onOpen()
  }

  readonly #weigh = (chunk: Buffer): void => {
    this.#strangerBytes += chunk.length
    if (this.#strangerBytes > limits.peerUnprovenBytes)
      this.destroy('oversize', `more than ${limits.peerUnprovenBytes} bytes before the proof`)
  }

  #finish(ending: Ending): void {
    if (this.#ended) return
    this.#ended = true
    this.onEnd(ending)
  }
}

function endingOf(error: NodeJS.ErrnoException): Ending {
  const text = error.message === '' ? String(error.code ?? error.name) : error.message
  return { cause: error.code?.startsWith('WS_ERR') ? 'malformed' : 'broken', text }
}

/** 1006: the TCP connection ended without a word. */
function endingOfClose(code: number, reason: Buffer): Ending {
  if (code === 1006) return { cause: 'broken', text: 'the connection broke' }
  const words = printable(reason.toString('utf8'))
  const told = words === '' ? String(code) : `${code}: ${words}`
  return { cause: 'remote', text: `closed by the other side (${told})` }
}

/** What another node wrote may end in a log line: no control characters. */
function printable(text: string): string {
  return text.replace(/\p{C}/gu, '?')
}

/** A close frame has room for 123 bytes of reason (RFC 6455, 5.5). */
function shortened(text: string): Buffer {
  const bytes = Buffer.from(text)
  return bytes.length <= 123 ? bytes : Buffer.from(bytes.subarray(0, 120).toString('utf8').slice(0, -1))
}
