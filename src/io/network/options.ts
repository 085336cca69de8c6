import { limits } from '../../limits.js'
import type { Clock } from '../../ports/clock.js'
import type { Log } from '../../ports/log.js'
import type { Channel } from '../../ports/network.js'
import type { Random } from '../../ports/random.js'
import type { Checksum } from '../../wire/frame.js'

export interface WsNetworkOptions {
  /** Where to listen; port 0 takes any free one (`WsNetwork.address` tells). */
  readonly host: string
  readonly port: number
  /** The cluster's secrets: the first signs, all verify. */
  readonly secrets: readonly Uint8Array[]
  /** CRC-32C; the native core's in production. */
  readonly checksum: Checksum
  readonly clock: Clock
  readonly random: Random
  readonly log: Log
  /** Bytes that may wait for one peer on one channel; at least the largest frame of that channel. */
  readonly windowBytes?: Partial<Readonly<Record<Channel, number>>>
  readonly timing?: Partial<NetworkTiming>
}

export interface NetworkTiming {
  /** Every connection is looked at once in this interval. */
  readonly tickMs: number
  /** Ticks without a received byte until a ping goes out; until the peer counts as dead. */
  readonly pingTicks: number
  readonly silentTicks: number
  /** Ticks in which bytes waited and none left, until the connection is closed and its memory given back. */
  readonly stalledTicks: number
  /** From the first packet to the last proof of both channels. */
  readonly handshakeMs: number
  readonly backoffLeastMs: number
  readonly backoffMostMs: number
  /** A connection that lived this long was a success: the next loss is met with the least wait again. */
  readonly stableMs: number
  /** How long an orderly close may take before the socket is destroyed. */
  readonly closeMs: number
}

/**
 * Silence and stalling are counted in ticks, not in time: a node that was itself paused for a minute wakes up to one tick, reads
 * what waited in its sockets, and does not take its peers for dead.
 */
export const DEFAULT_TIMING: NetworkTiming = {
  tickMs: 1_000,
  pingTicks: 2,
  silentTicks: 6,
  stalledTicks: 6,
  handshakeMs: limits.peerHandshakeMs,
  backoffLeastMs: 50,
  backoffMostMs: 5_000,
  stableMs: 10_000,
  closeMs: 1_000,
}

/** Throws RangeError for a window that a legal frame could never fit into. */
export function windowsOf(options: WsNetworkOptions): Readonly<Record<Channel, number>> {
  const windows = {
    control: options.windowBytes?.control ?? limits.peerControlWindowBytes,
    data: options.windowBytes?.data ?? limits.peerDataWindowBytes,
  }
  if (windows.control < limits.peerControlFrameBytes || windows.data < limits.peerDataFrameBytes)
    throw new RangeError('a send window must hold the largest frame of its channel')
  return windows
}
