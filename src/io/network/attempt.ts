import type { Channel, Hello } from '../../ports/network.js'
import type { Random } from '../../ports/random.js'
import { WireError } from '../../wire/bytes.js'
import { LINK_BYTES, NONCE_BYTES, type Verdict } from '../../wire/handshake.js'
import type { ConnectionOptions } from './connection.js'
import {
  acquaintance,
  DiallerHandshake,
  HandshakeError,
  type HandshakeFault,
  refusalText,
} from './handshake.js'
import type { Keyring } from './keyring.js'
import { Link, type LinkListener } from './link.js'
import type { Links, OpenDial } from './links.js'
import type { NetworkTiming } from './options.js'
import type { EndCause, PeerSocket } from './peer-socket.js'

/** What an attempt, and an acceptance, need of the network around them. */
export interface Surroundings {
  readonly links: Links
  readonly random: Random
  readonly timing: NetworkTiming
  readonly listener: LinkListener
  keyring(): Keyring
  hello(): Hello
  connectionOptions(channel: Channel): ConnectionOptions
  /** A socket that is being connected. Throws TypeError for an address that is none. */
  connect(address: string): PeerSocket
}

export type DialFailure =
  | 'unreachable'
  | 'deadline'
  /** Closed before our proof was answered: their secret is another one, or they are busy. */
  | 'refused'
  /** Another node than the one expected lives there. */
  | 'wrong-node'
  | HandshakeFault
  | Exclude<Verdict, 'welcome'>

export type Outcome =
  | { readonly kind: 'linked'; readonly peerId: string }
  /** There is a link or another dial with this node already. */
  | { readonly kind: 'held'; readonly peerId: string }
  | {
      readonly kind: 'failed'
      readonly reason: DialFailure
      readonly text: string
      readonly peerId?: string
      /** Of a node that has proven itself. */
      readonly hello?: Hello
    }
  | { readonly kind: 'aborted' }

/**
 * One attempt to make a link: connect control, prove both ways, then the same for data. Ends exactly once with an outcome,
 * within the handshake's deadline; after 'linked' it has no part in the link any more.
 */
export class Attempt implements OpenDial {
  readonly #around: Surroundings
  readonly #address: string
  readonly #expectedId: string | undefined
  readonly #done: (outcome: Outcome) => void
  readonly #linkId: string
  readonly #deadline: NodeJS.Timeout
  #challengedId: string | undefined
  #link: Link | undefined
  /** The socket whose handshake is under way. */
  #socket: PeerSocket | undefined
  #over = false

  constructor(
    around: Surroundings,
    address: string,
    expectedId: string | undefined,
    done: (outcome: Outcome) => void,
  ) {
    this.#around = around
    this.#address = address
    this.#expectedId = expectedId
    this.#done = done
    this.#linkId = Buffer.from(around.random.bytes(LINK_BYTES)).toString('hex')
    this.#deadline = setTimeout(() => this.#fail('deadline', 'took too long'), around.timing.handshakeMs)
    this.#deadline.unref()
    around.links.opened(this)
  }

  get peerId(): string | undefined {
    return this.#challengedId ?? this.#expectedId
  }

  get challenged(): boolean {
    return this.#challengedId !== undefined && this.#link === undefined
  }

  start(): void {
    this.#connect('control')
  }

  giveUp(): void {
    this.#finish({ kind: 'held', peerId: this.peerId! }, 'another link won')
  }

  abort(): void {
    this.#finish({ kind: 'aborted' }, 'not wanted any more')
  }

  #connect(channel: Channel): void {
    let socket: PeerSocket
    try {
      socket = this.#around.connect(this.#address)
    } catch (error) {
      this.#fail('unreachable', (error as Error).message)
      return
    }
    this.#socket = socket
    const nonce = this.#around.random.bytes(NONCE_BYTES)
    const handshake = new DiallerHandshake(this.#around.keyring(), channel, nonce)
    let opened = false
    socket.onOpen = () => {
      opened = true
      socket.send(handshake.begin())
    }
    socket.onMessage = (bytes) => this.#reading(() => this.#challenge(socket, channel, handshake, bytes))
    socket.onEnd = (ending) => this.#fail(opened ? failureOf(ending.cause) : 'unreachable', ending.text)
  }

  #challenge(socket: PeerSocket, channel: Channel, handshake: DiallerHandshake, bytes: Uint8Array): void {
    const peerId = handshake.challenged(bytes)
    const mine = this.#around.hello()
    if (peerId === mine.nodeId) return this.#fail('same-node', 'this address leads back to this node')
    const expectedId = this.#link?.peerId ?? this.#expectedId
    if (expectedId !== undefined && expectedId !== peerId)
      return this.#fail('wrong-node', `another node (${peerId}) lives there`)
    if (channel === 'control') {
      if (!this.#around.links.mayProve(this, peerId))
        return this.#finish({ kind: 'held', peerId }, 'already linked')
      this.#challengedId = peerId
    }
    socket.onMessage = (answer) => this.#reading(() => this.#answer(socket, channel, handshake, mine, answer))
    socket.send(handshake.prove({ link: this.#linkId, hello: mine }))
  }

  #answer(
    socket: PeerSocket,
    channel: Channel,
    handshake: DiallerHandshake,
    mine: Hello,
    bytes: Uint8Array,
  ): void {
    const { verdict, hello } = handshake.answered(bytes)
    const judgement = verdict === 'welcome' ? acquaintance(mine, hello) : verdict
    if (judgement !== 'welcome') return this.#fail(judgement, refusalText(judgement, mine, hello), hello)
    socket.trust()
    this.#socket = undefined
    if (channel === 'control') {
      this.#holdHalf(socket, hello)
      this.#connect('data')
    } else {
      this.#link!.attach(socket, this.#around.connectionOptions('data'))
      this.#complete()
    }
  }

  #holdHalf(socket: PeerSocket, hello: Hello): void {
    const { links, listener } = this.#around
    const acceptedOrder = links.nextOrder()
    const link = new Link(
      { id: this.#linkId, hello, dialledBySelf: true, acceptedOrder },
      this.#watching(listener),
    )
    this.#link = link
    link.attach(socket, this.#around.connectionOptions('control'))
    links.add(link, this)
  }

  /** The network's listener, and this attempt's while the link is not complete. */
  #watching(listener: LinkListener): LinkListener {
    return {
      linkUp: (link) => listener.linkUp(link),
      linkFrame: (link, channel, bytes) => listener.linkFrame(link, channel, bytes),
      linkEnded: (link, ending) => {
        listener.linkEnded(link, ending)
        this.#fail(failureOf(ending.cause), ending.text)
      },
    }
  }

  #complete(): void {
    const link = this.#link!
    this.#settle({ kind: 'linked', peerId: link.peerId })
    link.bringUp()
  }

  #reading(read: () => void): void {
    try {
      read()
    } catch (error) {
      if (error instanceof HandshakeError) this.#fail(error.fault, error.message)
      else if (error instanceof WireError) this.#fail('malformed', error.message)
      else throw error
    }
  }

  #fail(reason: DialFailure, text: string, hello?: Hello): void {
    const { peerId } = this
    const whom = { ...(peerId === undefined ? {} : { peerId }), ...(hello === undefined ? {} : { hello }) }
    this.#finish({ kind: 'failed', reason, text, ...whom }, text)
  }

  #finish(outcome: Outcome, text: string): void {
    if (this.#over) return
    this.#settle(outcome)
    this.#socket?.end('abandoned', text)
    this.#link?.end('abandoned', text)
  }

  #settle(outcome: Outcome): void {
    if (this.#over) return
    this.#over = true
    clearTimeout(this.#deadline)
    this.#around.links.closed(this)
    this.#done(outcome)
  }
}

function failureOf(cause: EndCause): DialFailure {
  switch (cause) {
    case 'malformed':
    case 'oversize':
      return 'malformed'
    case 'deadline':
      return 'deadline'
    case 'broken':
      return 'unreachable'
    default:
      return 'refused'
  }
}
