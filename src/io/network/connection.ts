import { limits } from '../../limits.js'
import type { Channel } from '../../ports/network.js'
import {
  type Checksum,
  FrameError,
  PIECE_CONTENT_BYTES,
  PIECE_HEADER_BYTES,
  Reassembly,
} from '../../wire/frame.js'
import { Fifo } from './fifo.js'
import type { NetworkTiming } from './options.js'
import { Outbox, sealWhole } from './outbox.js'
import type { PeerSocket } from './peer-socket.js'
import type { PieceSlabs, Slab } from './piece-slabs.js'
import type { ChannelCounters } from './stats.js'

export interface ConnectionOptions {
  readonly channel: Channel
  readonly windowBytes: number
  readonly checksum: Checksum
  readonly timing: NetworkTiming
  readonly counters: ChannelCounters
  readonly slabs: PieceSlabs
}

/**
 * One proven socket of a link: cuts frames into pieces and joins them again, keeps the send window, notices a peer that is
 * silent or takes nothing.
 *
 * Writing: pieces go to the socket until it holds `peerSocketBytes`; what is beyond waits in the outbox, where small frames can
 * still pass large ones. The socket is corked with the first piece of a turn and uncorked when the turn's JavaScript is over, so
 * that all frames of a turn leave in one system call.
 */
export class Connection {
  onFrame: (bytes: Uint8Array) => void = () => {}
  readonly socket: PeerSocket
  readonly #options: ConnectionOptions
  readonly #frameBytes: number
  readonly #outbox: Outbox
  readonly #reassembly: Reassembly
  #corked = false
  /** For each piece given to the socket and not taken yet, in order: the slab it was cut from, if any. */
  readonly #slabs = new Fifo<Slab | undefined>()
  /** Pieces that the operating system has taken. */
  #taken = 0
  #takenAtTick = 0
  #readAtTick = 0
  #silentTicks = 0
  #stalledTicks = 0

  constructor(socket: PeerSocket, options: ConnectionOptions) {
    this.socket = socket
    this.#options = options
    this.#frameBytes = options.channel === 'data' ? limits.peerDataFrameBytes : limits.peerControlFrameBytes
    const partials = { partialFrames: limits.peerPartialFrames, partialBytes: limits.peerPartialBytes }
    this.#outbox = new Outbox(partials, options.checksum)
    this.#reassembly = new Reassembly(
      { ...partials, frameBytes: this.#frameBytes },
      options.checksum,
      Buffer.allocUnsafeSlow,
    )
    socket.onMessage = (bytes) => this.#take(bytes)
  }

  /** Bytes that wait here and in the socket. */
  get waitingBytes(): number {
    return this.#outbox.bytes + this.socket.raw.writableLength
  }

  /** Queues one frame, as a copy. Throws RangeError for an empty one and for one beyond the limit of its channel. */
  send(parts: readonly Uint8Array[], inOrder: boolean): 'sent' | 'full' {
    let frameBytes = 0
    for (let i = 0; i < parts.length; i++) frameBytes += parts[i]!.length
    if (frameBytes === 0 || frameBytes > this.#frameBytes) throw this.#badLength(frameBytes)
    const counters = this.#options.counters
    const socketBytes = this.socket.raw.writableLength
    if (this.#outbox.bytes + socketBytes + frameBytes > this.#options.windowBytes) {
      counters.full++
      return 'full'
    }
    counters.framesOut++
    counters.bytesOut += frameBytes
    const atOnce = this.#outbox.bytes === 0 && frameBytes <= PIECE_CONTENT_BYTES
    if (atOnce && socketBytes + frameBytes <= limits.peerSocketBytes) {
      const { slabs, checksum } = this.#options
      const piece = slabs.cut(PIECE_HEADER_BYTES + frameBytes)
      sealWhole(piece, parts, checksum)
      this.#write(piece, slabs.lastCut)
    } else {
      this.#outbox.push(parts, frameBytes, inOrder)
      this.#pump()
    }
    return 'sent'
  }

  /** Looks after the connection; to be called once a tick while it lives. */
  tick(): void {
    const { pingTicks, silentTicks, stalledTicks } = this.#options.timing
    const { bytesRead, writableLength } = this.socket.raw
    this.#silentTicks = bytesRead === this.#readAtTick ? this.#silentTicks + 1 : 0
    this.#readAtTick = bytesRead
    const stalled = writableLength > 0 && this.#taken === this.#takenAtTick
    this.#stalledTicks = stalled ? this.#stalledTicks + 1 : 0
    this.#takenAtTick = this.#taken
    const { channel } = this.#options
    if (this.#stalledTicks >= stalledTicks)
      this.socket.destroy('stalled', `stalled: ${channel} takes nothing`)
    else if (this.#silentTicks >= silentTicks) this.socket.destroy('silent', `silent: nothing on ${channel}`)
    else if (this.#silentTicks > 0 && this.#silentTicks % pingTicks === 0) this.socket.ping()
  }

  #badLength(frameBytes: number): RangeError {
    return new RangeError(`a frame of ${frameBytes} bytes on ${this.#options.channel}`)
  }

  #write(piece: Uint8Array, slab: Slab | undefined): void {
    if (!this.#corked) {
      this.#corked = true
      this.socket.raw.cork()
      process.nextTick(uncork, this)
    }
    this.#slabs.push(slab)
    this.socket.send(piece, this.#written)
  }

  /** Called by `uncork` only. */
  uncork(): void {
    this.#corked = false
    this.socket.raw.uncork()
  }

  #pump(): void {
    while (this.socket.raw.writableLength < limits.peerSocketBytes) {
      const piece = this.#outbox.next()
      if (piece === undefined) return
      this.#write(piece, undefined)
    }
  }

  /** One function for all writes: what the socket has taken, it counts, and makes room for more. */
  readonly #written = (error?: Error | null): void => {
    if (error || this.socket.ended) return
    const slab = this.#slabs.shift()
    if (slab !== undefined) this.#options.slabs.written(slab)
    this.#taken++
    if (this.#outbox.bytes > 0) this.#pump()
  }

  #take(piece: Uint8Array): void {
    let frame: Uint8Array | undefined
    try {
      frame = this.#reassembly.take(piece)
    } catch (error) {
      if (!(error instanceof FrameError)) throw error
      this.socket.end('malformed', error.message)
      return
    }
    if (frame === undefined) return
    this.#options.counters.framesIn++
    this.#options.counters.bytesIn += frame.length
    this.onFrame(frame)
  }
}

function uncork(connection: Connection): void {
  connection.uncork()
}
