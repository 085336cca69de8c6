import { limits } from '../../limits.js'
import type { Hello } from '../../ports/network.js'
import { WireError } from '../../wire/bytes.js'
import { NONCE_BYTES, type Proof, type Verdict } from '../../wire/handshake.js'
import type { Surroundings } from './attempt.js'
import { AcceptorHandshake, HandshakeError, type HandshakeFault, refusalText } from './handshake.js'
import { Link } from './link.js'
import type { Ending, PeerSocket } from './peer-socket.js'

/** Why this node turned a connection away. */
export type Refusal =
  | Exclude<Verdict, 'welcome'>
  | HandshakeFault
  | 'oversize'
  | 'deadline'
  /** Not a WebSocket on the peer path. */
  | 'not-a-peer'
  /** Too many strangers: the oldest went. */
  | 'crowded'

export interface AcceptanceListener {
  /** The other side knows the secret: it is no stranger any more. */
  proven(): void
  refused(reason: Refusal, text: string, proven?: Hello): void
}

/** The acceptor's half of one connection, from its first message until it belongs to a link or is gone. */
export class Acceptance {
  readonly #around: Surroundings
  readonly #socket: PeerSocket
  readonly #listener: AcceptanceListener
  readonly #handshake: AcceptorHandshake
  #challengeOrder = 0
  #over = false

  constructor(around: Surroundings, socket: PeerSocket, listener: AcceptanceListener) {
    this.#around = around
    this.#socket = socket
    this.#listener = listener
    this.#handshake = new AcceptorHandshake(around.keyring())
    socket.onMessage = (bytes) => this.#reading(bytes, () => this.#begin(bytes))
    socket.onEnd = (ending) => this.#ended(ending)
  }

  /** A stranger that left by itself was not refused. */
  #ended({ cause, text }: Ending): void {
    if (cause === 'malformed' || cause === 'oversize' || cause === 'deadline') this.#refused(cause, text)
    else this.#over = true
  }

  #begin(bytes: Uint8Array): void {
    const { links, random } = this.#around
    const { nodeId } = this.#around.hello()
    this.#challengeOrder = links.nextOrder()
    const challenge = this.#handshake.challenge(bytes, random.bytes(NONCE_BYTES), nodeId)
    this.#socket.onMessage = (proof) => this.#reading(proof, () => this.#prove(proof))
    this.#socket.send(challenge)
  }

  #prove(bytes: Uint8Array): void {
    const proof = this.#handshake.proven(bytes)
    const mine = this.#around.hello()
    const verdict = this.#judge(proof, mine)
    this.#socket.send(this.#handshake.answer(verdict, mine))
    if (verdict !== 'welcome') {
      this.#refused(verdict, refusalText(verdict, mine, proof.hello), proof.hello)
      this.#socket.end('abandoned', verdict)
      return
    }
    this.#over = true
    this.#socket.trust()
    this.#listener.proven()
    this.#attach(proof)
  }

  #judge(proof: Proof, mine: Hello): Verdict {
    const { links } = this.#around
    return this.#handshake.channel === 'control'
      ? links.judgeControl(mine, proof.hello, this.#challengeOrder)
      : links.judgeData(proof.hello, proof.link)
  }

  #attach(proof: Proof): void {
    const { links } = this.#around
    const { channel } = this.#handshake
    const options = this.#around.connectionOptions(channel)
    if (channel === 'data') {
      links.get(proof.hello.nodeId)!.attach(this.#socket, options)
      return
    }
    const origin = { id: proof.link, hello: proof.hello, dialledBySelf: false, acceptedOrder: 0 }
    const link = new Link(origin, this.#around.listener)
    link.attach(this.#socket, options)
    links.add(link)
    link.completeWithin(this.#around.timing.handshakeMs)
  }

  #reading(bytes: Uint8Array, read: () => void): void {
    if (bytes.length > limits.peerHandshakeMessageBytes)
      return this.#refuse('oversize', 'a long first message')
    try {
      read()
    } catch (error) {
      if (error instanceof HandshakeError) this.#refuse(error.fault, error.message)
      else if (error instanceof WireError) this.#refuse('malformed', `our own hello: ${error.message}`)
      else throw error
    }
  }

  #refuse(reason: Refusal, text: string): void {
    this.#refused(reason, text)
    this.#socket.end('abandoned', text)
  }

  #refused(reason: Refusal, text: string, proven?: Hello): void {
    if (this.#over) return
    this.#over = true
    this.#listener.refused(reason, text, proven)
  }
}
