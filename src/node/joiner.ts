/**
 * A node that has no cluster yet asks its way in: it connects to the addresses it was given and asks one of the nodes there, again and
 * again until it is accepted or refused for good.
 */
import type { Log } from '../ports/log.js'
import type { Hello, Network } from '../ports/network.js'
import type { Random } from '../ports/random.js'
import { ByteWriter, WireError } from '../wire/bytes.js'
import { decodeBatch } from '../wire/decode.js'
import { encodeMessage } from '../wire/encode.js'
import type { JoinAnswer, JoinRequest } from '../wire/messages.js'

/** Shared out at random between this and twice as much, so that two that wait do not meet again and again. */
const ASK_EVERY_MS = 100
const ANSWER_MS = 12_000
const TELL_EVERY_MS = 5000

export interface JoinerParts {
  readonly network: Network
  readonly random: Random
  readonly log: Log
  readonly request: Omit<JoinRequest, 'type' | 'id'>
  readonly addresses: readonly string[]
  /** `storageInUse`: the storage version of the member that let it in. */
  accepted(answer: JoinAnswer, storageInUse: number): void
  refused(reason: string): void
}

export class Joiner {
  readonly #parts: JoinerParts
  readonly #up: string[] = []
  readonly #storageOf = new Map<string, number>()
  #asked = ''
  #id = 0
  #againMs = 0
  #toldMs = 0
  #reason = 'no node answers there yet'
  #over = false

  constructor(parts: JoinerParts) {
    this.#parts = parts
    for (const address of parts.addresses) parts.network.dial(address)
  }

  peerUp(peer: string, hello: Hello): void {
    if (hello.clusterId === '' || this.#up.includes(peer)) return
    this.#up.push(peer)
    this.#storageOf.set(peer, hello.storageMin)
    this.#againMs = 0
  }

  peerDown(peer: string): void {
    const at = this.#up.indexOf(peer)
    if (at >= 0) this.#up.splice(at, 1)
    if (this.#asked === peer) this.#asked = ''
  }

  dialFailed(address: string, reason: string): void {
    this.#reason = `${address}: ${reason}`
    if (/^(bad-proof|other-cluster|no-common-version)/.test(reason))
      this.#end(() => this.#parts.refused(`Cannot join through ${address}: ${reason}`))
  }

  frame(peer: string, bytes: Uint8Array): void {
    try {
      decodeBatch(bytes, (message) => {
        if (message.type === 23 && peer === this.#asked && message.id === this.#id)
          this.#answered(message, this.#storageOf.get(peer) ?? 1)
      })
    } catch (error) {
      if (!(error instanceof WireError)) throw error
      this.#parts.network.drop(peer, error.message)
    }
  }

  tick(nowMs: number): void {
    if (this.#over) return
    if (nowMs >= this.#toldMs) {
      if (this.#toldMs > 0)
        this.#parts.log.info('waiting-to-join', { through: this.#parts.addresses, reason: this.#reason })
      this.#toldMs = nowMs + TELL_EVERY_MS
    }
    if (this.#againMs === -1) this.#rest(nowMs)
    if (nowMs < this.#againMs || this.#up.length === 0) return
    this.#againMs = nowMs + ANSWER_MS
    this.#ask(this.#up[this.#parts.random.below(this.#up.length)]!)
  }

  /** Nothing is dialled any more. */
  close(): void {
    this.#over = true
    for (const address of this.#parts.addresses) this.#parts.network.undial(address)
  }

  #ask(peer: string): void {
    this.#asked = peer
    this.#id = this.#parts.random.below(0x7fff_ffff) + 1
    const writer = new ByteWriter(512)
    encodeMessage(writer, { type: 22, id: this.#id, ...this.#parts.request })
    if (this.#parts.network.send(peer, 'control', [writer.take()]) !== 'sent') this.#againMs = 0
  }

  #answered(answer: JoinAnswer, storageInUse: number): void {
    this.#asked = ''
    if (answer.verdict === 'accepted') this.#end(() => this.#parts.accepted(answer, storageInUse))
    else if (answer.verdict === 'refused') this.#end(() => this.#parts.refused(answer.reason))
    else {
      this.#reason = answer.reason
      this.#againMs = -1
      this.#parts.log.debug('join-later', { reason: answer.reason })
    }
  }

  #end(tell: () => void): void {
    if (this.#over) return
    this.close()
    tell()
  }

  /** Not at once: others may be joining, too. */
  #rest(nowMs: number): void {
    this.#againMs = nowMs + ASK_EVERY_MS + this.#parts.random.below(ASK_EVERY_MS)
  }
}
