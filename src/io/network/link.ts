import type { Channel, Hello, SendResult } from '../../ports/network.js'
import { Connection, type ConnectionOptions } from './connection.js'
import type { HeldLink } from './link-rule.js'
import type { EndCause, Ending, PeerSocket } from './peer-socket.js'

export interface LinkOrigin extends HeldLink {
  /** Chosen by the dialler; names both connections. */
  readonly id: string
  readonly hello: Hello
}

export interface LinkListener {
  linkUp(link: Link): void
  linkFrame(link: Link, channel: Channel, bytes: Uint8Array): void
  /** Exactly once for each link, whether or not it was ever up. */
  linkEnded(link: Link, ending: Ending): void
}

/**
 * Both connections with one peer, which live and end together.
 *
 * The dialler knows that a link is up when the second answer arrives; the acceptor, when it then hears anything on either
 * connection (the dialler pings at once). So neither ever sends on a link that the other does not yet take for one.
 */
export class Link implements LinkOrigin {
  readonly id: string
  readonly hello: Hello
  readonly dialledBySelf: boolean
  readonly acceptedOrder: number
  readonly #listener: LinkListener
  readonly #connections: { control?: Connection; data?: Connection } = {}
  #state: 'half' | 'up' | 'ended' = 'half'
  #deadline: NodeJS.Timeout | undefined

  constructor(origin: LinkOrigin, listener: LinkListener) {
    this.id = origin.id
    this.hello = origin.hello
    this.dialledBySelf = origin.dialledBySelf
    this.acceptedOrder = origin.acceptedOrder
    this.#listener = listener
  }

  get peerId(): string {
    return this.hello.nodeId
  }

  get state(): 'half' | 'up' | 'ended' {
    return this.#state
  }

  has(channel: Channel): boolean {
    return this.#connections[channel] !== undefined
  }

  /** Bytes that wait for this peer on one channel. */
  waitingBytes(channel: Channel): number {
    return this.#connections[channel]?.waitingBytes ?? 0
  }

  /** Takes over a proven socket. */
  attach(socket: PeerSocket, options: ConnectionOptions): void {
    const { channel } = options
    const connection = new Connection(socket, options)
    this.#connections[channel] = connection
    connection.onFrame = (bytes) => {
      if (this.#heard()) this.#listener.linkFrame(this, channel, bytes)
    }
    socket.onPing = () => this.#heard()
    socket.onEnd = (ending) => this.#end(ending, (other) => other.end(ending.cause, ending.text))
  }

  /** Ends the link unless it is up by then. */
  completeWithin(deadlineMs: number): void {
    this.#deadline = setTimeout(() => this.end('deadline', 'the second connection did not come'), deadlineMs)
    this.#deadline.unref()
  }

  /** Both sides have proven themselves on both channels. */
  bringUp(): void {
    if (this.#state !== 'half') return
    this.#state = 'up'
    clearTimeout(this.#deadline)
    if (this.dialledBySelf) this.#connections.control?.socket.ping()
    this.#listener.linkUp(this)
  }

  send(channel: Channel, parts: readonly Uint8Array[], inOrder: boolean): SendResult {
    if (this.#state !== 'up') return 'down'
    return this.#connections[channel]!.send(parts, inOrder)
  }

  tick(): void {
    if (this.#state === 'up') this.#connections.control?.tick()
    if (this.#state === 'up') this.#connections.data?.tick()
  }

  end(cause: EndCause, text: string): void {
    this.#end({ cause, text }, (socket) => socket.end(cause, text))
  }

  /** Whether what was heard belongs to a link that is up. */
  #heard(): boolean {
    if (this.#state === 'up') return true
    if (this.#state === 'ended') return false
    if (!this.dialledBySelf && this.has('data')) {
      this.bringUp()
      return this.state === 'up'
    }
    return this.#heardTooEarly()
  }

  #heardTooEarly(): boolean {
    this.end('malformed', 'something was sent before both connections were proven')
    return false
  }

  #end(ending: Ending, close: (socket: PeerSocket) => void): void {
    if (this.#state === 'ended') return
    this.#state = 'ended'
    clearTimeout(this.#deadline)
    const { control, data } = this.#connections
    if (control !== undefined) close(control.socket)
    if (data !== undefined) close(data.socket)
    delete this.#connections.control
    delete this.#connections.data
    this.#listener.linkEnded(this, ending)
  }
}
