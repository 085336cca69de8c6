import { randomBytes } from 'node:crypto'
import { WebSocket } from 'ws'
import { DiallerHandshake } from '../../src/io/network/handshake.js'
import { Keyring } from '../../src/io/network/keyring.js'
import type { Channel, Hello } from '../../src/ports/network.js'
import { SECRET } from '../conformance/ws-world.js'

/** The next event of a WebSocket; rejects when it closes instead. Errors are what these tests are about: a close follows. */
export function nextOf(ws: WebSocket, event: 'open' | 'message'): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    ws.once(event, resolve)
    ws.once('close', (code) => reject(new Error(`closed with ${code} instead of ${event}`)))
  })
}

/** How a WebSocket was closed. */
export function closeOf(ws: WebSocket): Promise<{ code: number; reason: string }> {
  return new Promise((resolve) =>
    ws.once('close', (code, reason) => resolve({ code, reason: reason.toString() })),
  )
}

/** A peer that knows the secret and nothing of good manners: two proven WebSockets, to be used at will. */
export class RawPeer {
  readonly hello: Hello
  readonly #url: string
  readonly #linkId = randomBytes(16).toString('hex')
  readonly #sockets: Partial<Record<Channel, WebSocket>> = {}

  constructor(address: string, hello: Hello) {
    this.#url = `ws://${address}/peer`
    this.hello = hello
  }

  get control(): WebSocket {
    return this.#sockets.control!
  }

  get data(): WebSocket {
    return this.#sockets.data!
  }

  /** Proves both channels and says that the link is up. */
  async connect(): Promise<void> {
    for (const channel of ['control', 'data'] as const) this.#sockets[channel] = await this.prove(channel)
    this.control.ping()
  }

  /** Only one of the two. Gives the verdict's socket once the other side has answered. */
  async prove(channel: Channel): Promise<WebSocket> {
    const ws = new WebSocket(this.#url, { perMessageDeflate: false })
    ws.on('error', () => {})
    await nextOf(ws, 'open')
    const handshake = new DiallerHandshake(new Keyring([SECRET]), channel, randomBytes(32))
    ws.send(handshake.begin())
    handshake.challenged(await nextOf(ws, 'message'))
    ws.send(handshake.prove({ link: this.#linkId, hello: this.hello }))
    const { verdict } = handshake.answered(await nextOf(ws, 'message'))
    if (verdict !== 'welcome') throw new Error(verdict)
    return ws
  }

  close(): void {
    this.#sockets.control?.terminate()
    this.#sockets.data?.terminate()
  }
}
