/** Carries an exchange between two replicas in memory through the real codec, and counts every byte that would be on the wire. */
import type { Effect } from '../../src/protocol/effects.js'
import {
  Exchange,
  type ExchangeEffect,
  type ExchangeOutcome,
  type ExchangeTask,
} from '../../src/protocol/entropy/exchange.js'
import { ByteWriter } from '../../src/wire/bytes.js'
import { decodeBatch } from '../../src/wire/decode.js'
import { encodeMessage } from '../../src/wire/encode.js'
import type { Message } from '../../src/wire/messages.js'
import { type MemoryReplica, RING } from './replica.js'

/** Heads of the frame's piece and of the WebSocket message that it travels in, were each message sent alone. */
export const FRAME_BYTES = 12 + 8

export interface Carried {
  readonly outcome: ExchangeOutcome
  readonly bytes: number
  readonly messages: number
  /** The largest message. */
  readonly largest: number
}

export class Conversation {
  readonly #asker: MemoryReplica
  readonly #peer: MemoryReplica
  readonly exchange: Exchange
  bytes = 0
  messages = 0
  largest = 0
  #outcome: ExchangeOutcome | undefined
  /** What may change an answer before it arrives. */
  onAnswer: (message: Message) => Message = (message) => message
  nowMs = 0

  constructor(
    asker: MemoryReplica,
    peer: MemoryReplica,
    partitions: readonly number[],
    task: Partial<ExchangeTask> = {},
  ) {
    this.#asker = asker
    this.#peer = peer
    let lastId = 7
    const nextId = (): number => {
      lastId += 1
      return lastId
    }
    const named = { id: lastId, nextId, peer: peer.id, ring: RING, ringOf: () => RING }
    const whole = { ...named, chunk: 0, partitions, rankOf: () => 0, deadlineMs: 60_000, ...task }
    this.exchange = new Exchange(whole, asker.trees)
  }

  async run(): Promise<Carried> {
    const first: ExchangeEffect[] = []
    this.exchange.start(this.nowMs, first)
    await this.#perform(first)
    const { bytes, messages, largest } = this
    if (this.#outcome === undefined) throw new Error('the exchange stands still')
    return { outcome: this.#outcome, bytes, messages, largest }
  }

  async #perform(effects: ExchangeEffect[]): Promise<void> {
    for (let at = 0; at < effects.length; at++) await this.#one(effects[at]!, effects)
  }

  async #one(effect: ExchangeEffect, effects: ExchangeEffect[]): Promise<void> {
    switch (effect.kind) {
      case 'ended':
        this.#outcome = effect.outcome
        return
      case 'merge':
        this.#asker.merge(effect.rowKey, effect.object)
        this.exchange.step({ kind: 'settled', fault: undefined }, this.nowMs, effects)
        return
      case 'list-segments': {
        const listed = await new Promise<Parameters<Parameters<MemoryReplica['lister']['list']>[1]>[0]>(
          (resolve) => this.#asker.lister.list(effect, resolve),
        )
        this.exchange.step(listed, this.nowMs, effects)
        return
      }
      case 'send':
        await this.#send(effect, effects)
        return
      default:
        effect satisfies never
    }
  }

  async #send({ message }: Effect & { kind: 'send' }, effects: ExchangeEffect[]): Promise<void> {
    const answer = await this.#answer(this.#carried(message))
    const input = {
      kind: 'answer',
      from: this.#peer.id,
      message: this.onAnswer(this.#carried(answer)),
    } as const
    this.exchange.step(input, this.nowMs, effects)
  }

  async #answer(question: Message): Promise<Message> {
    const { answers, said, id } = this.#peer
    const from = this.#asker.id
    switch (question.type) {
      case 1:
        this.#peer.merge(question.rowKey, question.object)
        return { type: 2, id: question.id, status: 0, state: new Uint8Array(0) }
      case 40:
        answers.roots(from, question)
        break
      case 42:
        answers.nodes(from, question)
        break
      case 44:
        answers.keys(from, question)
        break
      case 46:
        answers.rows(from, question)
        break
      default:
        throw new Error(`${id} is asked with a message of type ${question.type}`)
    }
    while (said.length === 0) await new Promise((resolve) => setImmediate(resolve))
    return said.shift()!
  }

  /** Through the codec, as it goes over the wire. */
  #carried(message: Message): Message {
    const writer = new ByteWriter()
    encodeMessage(writer, message)
    const frame = writer.take()
    this.bytes += frame.length + FRAME_BYTES
    this.messages++
    this.largest = Math.max(this.largest, frame.length)
    let carried: Message | undefined
    decodeBatch(frame, (decoded) => {
      carried = decoded
    })
    return carried!
  }
}
