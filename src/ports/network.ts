/** Messages between nodes: ordered, checked and bounded, on connections that may break at any time. */

/** `control` carries probes, gossip and membership and is never behind bulk; `data` carries everything else. Each is a socket of its own. */
export type Channel = 'control' | 'data'

/** What a node tells in the handshake of every connection, proven with the cluster's secret. */
export interface Hello {
  /** 16 random bytes as 32 lower-case hex digits; made with the data directory. */
  readonly nodeId: string
  /** 32 hex digits, or '' for a node that has no cluster yet and wants to join. */
  readonly clusterId: string
  readonly name: string
  /** host:port where others reach this node's peer port. */
  readonly peerAddress: string
  /** How often this node's directory has been started; higher is later. */
  readonly boot: number
  /** 16 hex digits; changes after every unclean start. */
  readonly incarnation: string
  /** Wire versions spoken, lowest and highest. */
  readonly wireMin: number
  readonly wireMax: number
}

export interface NetworkSink {
  /** Both channels to this peer are up and proven. `hello.clusterId` is this node's own, or '' for a peer that wants to join. */
  peerUp(peerId: string, hello: Hello): void
  /** The connection is gone; everything sent on it and not answered may or may not have arrived. */
  peerDown(peerId: string, reason: string): void
  /** One whole message batch as the peer sent it. The bytes belong to the receiver and stay unchanged. */
  frame(peerId: string, channel: Channel, bytes: Uint8Array): void
  /** An address given to `dial` could not be connected, or refused (wrong secret, other cluster, no common version). Retried until given up. */
  dialFailed(address: string, reason: string): void
}

export type SendResult =
  | 'sent'
  /** No proven connection to this peer now. Nothing was taken. */
  | 'down'
  /** The send window is full, this frame included. Nothing was taken. */
  | 'full'

export interface Network {
  /** Starts listening; `done` gets an error text when the address cannot be had. `hello()` is asked anew for every handshake. */
  start(hello: () => Hello, sink: NetworkSink, done: (error?: string) => void): void
  /** Keeps one connection to each of these peers, reconnecting with jittered backoff, and lets go of peers no longer named. */
  setPeers(peers: readonly { readonly id: string; readonly address: string }[]): void
  /** Connects to an address whose node is not known yet (a seed), with retries, until `peerUp` for it or `undial`. */
  dial(address: string): void
  undial(address: string): void
  /** Closes the connection to this peer now (it misbehaved, or was refused). */
  drop(peerId: string, reason: string): void
  /** Queues one frame; the parts are joined on the wire. The bytes must not be changed afterwards. Frames sent within one turn leave in one write. */
  send(peerId: string, channel: Channel, parts: readonly Uint8Array[]): SendResult
  isUp(peerId: string): boolean
  stop(done: () => void): void
}
