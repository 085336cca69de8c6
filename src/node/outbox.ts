/**
 * What this turn wants to say, gathered for each peer and channel: one frame leaves for each at the end of the turn, whatever the
 * number of messages in it.
 */
import { limits } from '../limits.js'
import type { Channel, Network } from '../ports/network.js'
import { ByteWriter } from '../wire/bytes.js'
import { encodeMessage } from '../wire/encode.js'
import type { Message } from '../wire/messages.js'

/** Written, sent and written anew: bundles are kept, for each peer and channel, as long as the peer is a member. */
interface Bundle {
  readonly peer: string
  readonly channel: Channel
  readonly writer: ByteWriter
  /** Conversations that must hear it if the frame is not taken. */
  conversations: number[]
  /** It holds a flush, and so overtakes nothing. */
  inOrder: boolean
  /** It is among those that leave at the end of the turn. */
  waiting: boolean
}

/** A bundle that has grown to this many bytes leaves at once, so that one frame stays well below the largest allowed. */
const BUNDLE_BYTES = 256 * 1024

/** What a bundle keeps of its memory when it was larger. */
const KEPT_BYTES = 64 * 1024

/** Room for what else stands in the bundle, and for heads. */
const LARGEST_BYTES = limits.peerDataFrameBytes - BUNDLE_BYTES - 4096

function bulkBytes(message: Message): number {
  if (message.type === 1 || message.type === 4 || message.type === 17) return message.object.length
  if (message.type === 6 || message.type === 8)
    return message.outcome.status === 'ok' ? message.outcome.object.length : 0
  return 0
}

export class Outbox {
  readonly #network: Network
  readonly #unsent: (conversation: number, peer: string) => void
  /** Not taken, to be told at the end of the turn. Or larger than any frame: only siblings that many replicas took in separately can grow an object so far. */
  readonly #refused: { readonly conversation: number; readonly peer: string }[] = []
  readonly #bundles: Readonly<Record<Channel, Map<string, Bundle>>> = { data: new Map(), control: new Map() }
  /** Those with something in them. */
  #waiting: Bundle[] = []

  /** `unsent` is called, never within `post`, for each conversation whose message was not taken. */
  constructor(network: Network, unsent: (conversation: number, peer: string) => void) {
    this.#network = network
    this.#unsent = unsent
  }

  get isEmpty(): boolean {
    return this.#waiting.length === 0 && this.#refused.length === 0
  }

  post(peer: string, channel: Channel, message: Message, conversation = 0): void {
    if (bulkBytes(message) > LARGEST_BYTES) {
      if (conversation !== 0) this.#refused.push({ conversation, peer })
      return
    }
    const bundle = this.#bundles[channel].get(peer) ?? this.#newBundle(peer, channel)
    if (!bundle.waiting) {
      bundle.waiting = true
      this.#waiting.push(bundle)
    }
    encodeMessage(bundle.writer, message)
    if (message.type === 53) bundle.inOrder = true
    if (conversation !== 0) bundle.conversations.push(conversation)
    if (bundle.writer.length >= BUNDLE_BYTES) this.#leave(bundle, this.#later)
  }

  /** Lets go of the memory kept for peers that are none any more. */
  keepOnly(peers: ReadonlySet<string>): void {
    for (const bundles of Object.values(this.#bundles)) {
      for (const [peer, { waiting }] of bundles) if (!waiting && !peers.has(peer)) bundles.delete(peer)
    }
  }

  flush(): void {
    if (this.#refused.length > 0)
      for (const { conversation, peer } of this.#refused.splice(0)) this.#unsent(conversation, peer)
    const waiting = this.#waiting
    this.#waiting = []
    for (const bundle of waiting) if (bundle.waiting) this.#leave(bundle, this.#unsent)
  }

  #newBundle(peer: string, channel: Channel): Bundle {
    const writer = new ByteWriter(4096)
    const bundle = { peer, channel, writer, conversations: [], inOrder: false, waiting: false }
    this.#bundles[channel].set(peer, bundle)
    return bundle
  }

  readonly #later = (conversation: number, peer: string): void => {
    this.#refused.push({ conversation, peer })
  }

  #leave(bundle: Bundle, unsent: (conversation: number, peer: string) => void): void {
    const { peer, channel, writer, conversations, inOrder } = bundle
    const result = this.#network.send(peer, channel, [writer.written()], inOrder)
    writer.clear(KEPT_BYTES)
    bundle.waiting = false
    bundle.inOrder = false
    if (conversations.length === 0) return
    bundle.conversations = []
    if (result === 'sent') return
    for (const conversation of conversations) unsent(conversation, peer)
  }
}
