/**
 * What this turn wants to say, gathered for each peer and channel: one frame leaves for each at the end of the turn, whatever the
 * number of messages in it.
 */
import { limits } from '../limits.js'
import type { Channel, Network } from '../ports/network.js'
import { ByteWriter } from '../wire/bytes.js'
import { encodeMessage } from '../wire/encode.js'
import type { Message } from '../wire/messages.js'

interface Bundle {
  readonly peer: string
  readonly channel: Channel
  readonly writer: ByteWriter
  /** Conversations that must hear it if the frame is not taken. */
  readonly conversations: number[]
}

/** A bundle that has grown to this many bytes leaves at once, so that one frame stays well below the largest allowed. */
const BUNDLE_BYTES = 256 * 1024

const LARGEST_START_BYTES = 64 * 1024

/** Room for what else stands in the bundle, and for heads. */
const LARGEST_BYTES = limits.peerDataFrameBytes - BUNDLE_BYTES - 4096

function bulkBytes(message: Message): number {
  if (message.type === 1 || message.type === 4) return message.object.length
  if (message.type === 6 || message.type === 8)
    return message.outcome.status === 'ok' ? message.outcome.object.length : 0
  return 0
}

export class Outbox {
  readonly #network: Network
  readonly #unsent: (conversation: number, peer: string) => void
  /** Larger than any frame: only siblings that many replicas took in separately can grow an object so far. */
  readonly #refused: { readonly conversation: number; readonly peer: string }[] = []
  /** How large to begin: somewhat more than the bundle before took, so that it need not grow. */
  readonly #usual = new Map<string, number>()
  readonly #bundles = new Map<string, Bundle>()

  /** `unsent` is called, never within `post`, for each conversation whose message was not taken. */
  constructor(network: Network, unsent: (conversation: number, peer: string) => void) {
    this.#network = network
    this.#unsent = unsent
  }

  get isEmpty(): boolean {
    return this.#bundles.size === 0 && this.#refused.length === 0
  }

  post(peer: string, channel: Channel, message: Message, conversation = 0): void {
    if (bulkBytes(message) > LARGEST_BYTES) {
      if (conversation !== 0) this.#refused.push({ conversation, peer })
      return
    }
    const name = channel === 'data' ? peer : `${peer}!`
    let bundle = this.#bundles.get(name)
    if (bundle === undefined) {
      bundle = { peer, channel, writer: new ByteWriter(this.#usual.get(name) ?? 1024), conversations: [] }
      this.#bundles.set(name, bundle)
    }
    encodeMessage(bundle.writer, message)
    if (conversation !== 0) bundle.conversations.push(conversation)
    if (bundle.writer.length >= BUNDLE_BYTES) this.#leave(name, bundle)
  }

  flush(): void {
    for (const { conversation, peer } of this.#refused.splice(0)) this.#unsent(conversation, peer)
    for (const [name, bundle] of this.#bundles) this.#leave(name, bundle)
  }

  #leave(name: string, bundle: Bundle): void {
    this.#bundles.delete(name)
    this.#usual.set(name, Math.min(LARGEST_START_BYTES, Math.ceil((bundle.writer.length * 5) / 4)))
    const result = this.#network.send(bundle.peer, bundle.channel, [bundle.writer.take()])
    if (result === 'sent') return
    for (const conversation of bundle.conversations) this.#unsent(conversation, bundle.peer)
  }
}
