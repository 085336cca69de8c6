/** Where each message of a peer goes, by its type: to whoever answers it, or to the conversation that waits for it. */
import type { Channel } from '../ports/network.js'
import type { Input } from '../protocol/effects.js'
import { WireError } from '../wire/bytes.js'
import { decodeBatch } from '../wire/decode.js'
import type { Message } from '../wire/messages.js'
import type { Answering } from './answering.js'
import type { Coordination } from './coordination.js'
import type { Entropy } from './entropy.js'
import type { Keeper } from './keeper.js'
import type { Outbox } from './outbox.js'
import type { Peers } from './peers.js'
import type { Reaper } from './reaper.js'
import type { Watch } from './watch.js'

export interface SwitchboardParts {
  readonly peers: Peers
  readonly answering: Answering
  readonly coordination: Coordination
  readonly keeper: Keeper
  readonly entropy: Entropy
  readonly reaper: Reaper
  readonly watch: Watch
  readonly outbox: Outbox
  reply(to: string, message: Message): void
  wake(): void
  /** To the conversation with this number. */
  route(id: number, input: Input): void
}

export class Switchboard {
  readonly #parts: SwitchboardParts
  /** The frame at hand holds an answer. */
  #answered = false

  constructor(parts: SwitchboardParts) {
    this.#parts = parts
  }

  /** All messages of a frame; whether one of them is an answer. Throws WireError and KernelError where it is malformed, or not this peer's to send. */
  takeFrame(from: string, bytes: Uint8Array, channel: Channel): boolean {
    this.#answered = false
    decodeBatch(bytes, (message) => this.take(from, message, channel))
    return this.#answered
  }

  /** Throws WireError for what this peer may not send. */
  take(from: string, message: Message, channel: Channel): void {
    const { peers, answering, coordination, keeper } = this.#parts
    if (peers.isStranger(from) && message.type !== 22)
      throw new WireError('a node that has no cluster may only ask to join')
    switch (message.type) {
      case 1:
        answering.write(from, message)
        return
      case 3:
        answering.read(from, message)
        return
      case 5:
        coordination.forwardedRead(from, message)
        return
      case 7:
        coordination.forwardedWrite(from, message)
        return
      case 9:
        answering.range(from, message)
        return
      case 11:
        answering.list(from, message)
        return
      case 13:
        this.#pong(from, message.id, channel)
        return
      case 14:
        this.#answered = true
        this.#parts.watch.pong(from, message.id)
        return
      case 15:
        this.#parts.reply(from, { type: 16, id: message.id })
        return
      case 17:
        answering.hint(from, message)
        return
      case 20:
      case 21:
      case 22:
      case 24:
      case 25:
      case 26:
      case 27:
      case 28:
        keeper.message(from, message)
        return
      default:
        this.#other(from, message)
    }
  }

  #pong(to: string, id: number, channel: Channel): void {
    this.#parts.outbox.post(to, channel, { type: 14, id })
    this.#parts.wake()
  }

  #other(from: string, message: Message): void {
    const { entropy, reaper } = this.#parts
    if (entropy.answer(from, message) || reaper.answer(from, message)) return
    this.#answered = true
    this.#parts.route(message.id, { kind: 'answer', from, message })
  }
}
