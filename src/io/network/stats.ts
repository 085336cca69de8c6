import type { Channel } from '../../ports/network.js'

export interface ChannelCounters {
  framesIn: number
  framesOut: number
  /** Content of frames, without headers. */
  bytesIn: number
  bytesOut: number
  /** Frames not taken because the send window was full. */
  full: number
}

export interface NetworkCounters {
  readonly control: ChannelCounters
  readonly data: ChannelCounters
  /** Handshakes that this node refused or gave up as acceptor, by reason. */
  readonly refused: Map<string, number>
  /** Attempts to connect that failed, by reason. */
  readonly dialFailures: Map<string, number>
  /** Proven connections that were closed, by reason: stalled, silent, malformed, replaced, dropped … */
  readonly closed: Map<string, number>
}

/** A snapshot for metrics. Counters only grow; the first three are gauges. */
export interface NetworkStats {
  /** Peers with both channels up. */
  readonly peersUp: number
  /** Connections that have not proven themselves yet. */
  readonly unproven: number
  /** Bytes that wait to be written, over all peers. */
  readonly waitingBytes: Readonly<Record<Channel, number>>
  readonly channels: Readonly<Record<Channel, Readonly<ChannelCounters>>>
  readonly refused: Readonly<Record<string, number>>
  readonly dialFailures: Readonly<Record<string, number>>
  readonly closed: Readonly<Record<string, number>>
}

export function newCounters(): NetworkCounters {
  const channel = (): ChannelCounters => ({ framesIn: 0, framesOut: 0, bytesIn: 0, bytesOut: 0, full: 0 })
  return {
    control: channel(),
    data: channel(),
    refused: new Map(),
    dialFailures: new Map(),
    closed: new Map(),
  }
}

/** Reasons are fixed names of this code, so their number is bounded. */
export function count(counter: Map<string, number>, reason: string): void {
  counter.set(reason, (counter.get(reason) ?? 0) + 1)
}
