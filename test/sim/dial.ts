/**
 * One attempt to connect: the steps of the real handshake, each at its own time, any of which may never happen. Between them
 * processes die, ways are cut and the other side connects from its end.
 */
import { acquaintance, refusalText } from '../../src/io/network/handshake.js'
import type { Hello } from '../../src/ports/network.js'
import type { Connection } from './connection.js'
import type { SimNetwork } from './network.js'

const HANDSHAKE_MS = 5_000
const HANDSHAKE_BYTES = 200

export type DialOutcome =
  | { readonly status: 'up'; readonly peerId: string }
  /** Another connection of these two stands. */
  | { readonly status: 'duplicate'; readonly peerId: string }
  | { readonly status: 'failed'; readonly reason: string }

export class Dial {
  readonly #dialler: SimNetwork
  readonly #address: string
  readonly #expectedId: string | undefined
  #done: ((outcome: DialOutcome) => void) | undefined
  #connection: Connection | undefined

  constructor(
    dialler: SimNetwork,
    address: string,
    expectedId: string | undefined,
    done: (outcome: DialOutcome) => void,
  ) {
    this.#dialler = dialler
    this.#address = address
    this.#expectedId = expectedId
    this.#done = done
  }

  begin(): void {
    this.#dialler.fabric.timeline.after(HANDSHAKE_MS, 'handshake timeout', () => {
      if (this.#done === undefined) return
      this.#abandon('the handshake took too long')
      this.#finish({ status: 'failed', reason: 'deadline: the handshake took too long' })
    })
    this.#travel(true, () => this.#reached())
  }

  /** The attempt is no longer wanted. */
  cancel(): void {
    if (this.#done === undefined) return
    this.#done = undefined
    this.#abandon('no longer wanted')
  }

  #abandon(reason: string): void {
    const connection = this.#connection
    if (connection === undefined || connection.isBroken) return
    this.#dialler.fabric.closeFrom(connection, connection.dialler, reason)
  }

  /** One message of the handshake; over a cut way it is lost for good. */
  #travel(there: boolean, arrived: () => void): void {
    const { fabric, address } = this.#dialler
    const link = there ? fabric.link(address, this.#address) : fabric.link(this.#address, address)
    fabric.timeline.after(link.delayMs(HANDSHAKE_BYTES), `handshake ${address} ${this.#address}`, () => {
      if (!link.cut && this.#done !== undefined && this.#dialler.process.alive) arrived()
    })
  }

  #reached(): void {
    const { fabric, process } = this.#dialler
    if (fabric.isDark(this.#address)) return
    const acceptor = fabric.listener(this.#address)
    const refused = (): void => this.#finish({ status: 'failed', reason: 'unreachable: connection refused' })
    if (acceptor === undefined) return this.#travel(false, () => process.enter('refused', refused))
    this.#travel(false, () => process.enter('challenge', () => this.#prove(acceptor, this.#dialler.hello())))
  }

  #prove(acceptor: SimNetwork, hello: Hello): void {
    this.#travel(true, () => {
      if (acceptor.process.alive) acceptor.process.enter('proof', () => this.#proven(acceptor, hello))
    })
  }

  /** In the accepting process. */
  #proven(acceptor: SimNetwork, hello: Hello): void {
    if (this.#done === undefined || !this.#dialler.process.alive || acceptor.isStopped) return
    const answer = acceptor.hello()
    const verdict = acquaintance(answer, hello)
    if (verdict === 'other-cluster' || verdict === 'no-common-version') this.#unlike(acceptor, verdict, hello)
    else if (verdict !== 'welcome') this.#refuse(answer, `${verdict}: refused by the acceptor`)
    else if (this.#expectedId !== undefined && answer.nodeId !== this.#expectedId)
      this.#refuse(answer, 'same-node: another node answers there')
    else if (acceptor.fabric.isConnected(acceptor, this.#dialler)) this.#refuse(answer, 'duplicate')
    else this.#accept(acceptor, answer, hello)
  }

  #accept(acceptor: SimNetwork, answer: Hello, hello: Hello): void {
    const connection = acceptor.fabric.register(
      { network: this.#dialler, peerId: answer.nodeId, peerHello: answer, up: false },
      { network: acceptor, peerId: hello.nodeId, peerHello: hello, up: false },
    )
    this.#connection = connection
    acceptor.adopt(connection)
    acceptor.raise(connection)
    this.#travel(false, () => this.#dialler.process.enter('welcome', () => this.#welcomed(connection)))
  }

  #welcomed(connection: Connection): void {
    if (this.#done === undefined) return
    if (connection.isBroken) return this.#finish({ status: 'failed', reason: 'unreachable: closed' })
    this.#connection = undefined
    this.#dialler.adopt(connection)
    this.#dialler.raise(connection)
    this.#finish({ status: 'up', peerId: connection.dialler.peerId })
  }

  /** Both are told that they are not to talk to each other. */
  #unlike(acceptor: SimNetwork, verdict: 'other-cluster' | 'no-common-version', hello: Hello): void {
    const answer = acceptor.hello()
    acceptor.sink.refused?.(hello, verdict, refusalText(verdict, answer, hello))
    const text = refusalText(verdict, hello, answer)
    this.#refuse(answer, `${verdict}: ${text}`, () => this.#dialler.sink.refused?.(answer, verdict, text))
  }

  #refuse(answer: Hello, reason: string, told: () => void = () => {}): void {
    const peerId = answer.nodeId
    const outcome: DialOutcome =
      reason === 'duplicate' ? { status: 'duplicate', peerId } : { status: 'failed', reason }
    this.#travel(false, () =>
      this.#dialler.process.enter('refusal', () => {
        told()
        this.#finish(outcome)
      }),
    )
  }

  #finish(outcome: DialOutcome): void {
    const done = this.#done
    this.#done = undefined
    done?.(outcome)
  }
}
