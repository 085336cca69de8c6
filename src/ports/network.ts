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
  /** Storage versions that it can read; the lowest is at least the one that it writes. */
  readonly storageMin: number
  readonly storageMax: number
  /** The version of its package, for people; '' where it does not say. */
  readonly build: string
}

export interface NetworkSink {
  /**
   * Both channels to this peer are up and proven. `hello.clusterId` is this node's own (any, if this node has none yet), or ''
   * for a peer that wants to join. Comes before every frame of this connection, and never twice without a `peerDown` between.
   */
  peerUp(peerId: string, hello: Hello): void
  /** The connection is gone; everything sent on it and not answered may or may not have arrived. Once for each `peerUp`. */
  peerDown(peerId: string, reason: string): void
  /** One whole message batch as the peer sent it. The bytes belong to the receiver and stay unchanged. */
  frame(peerId: string, channel: Channel, bytes: Uint8Array): void
  /**
   * An address given to `dial` could not be connected, or refused. Retried until given up. `reason` begins with one of these
   * names and a colon: unreachable, deadline, refused (closed without a word: probably another secret), bad-proof (its secret is
   * another), malformed, same-node (it leads back to this node), other-cluster, no-common-version, too-many-peers, stopping.
   */
  dialFailed(address: string, reason: string): void
  /**
   * An address given to `dial` leads to this peer, which is up: comes after its `peerUp`, or by itself when the peer was up
   * already. Dialling rests while that peer is up, begins again when it goes down, and ends with `undial`.
   */
  dialReached?(address: string, peerId: string): void
  /**
   * This node and one that knows the same secret do not talk to each other, whoever dialled: said after every attempt that ended so. `reason` is
   * a sentence.
   */
  refused?(hello: Hello, why: 'other-cluster' | 'no-common-version', reason: string): void
}

export type SendResult =
  | 'sent'
  /** No proven connection to this peer now. Nothing was taken. */
  | 'down'
  /** The send window is full, this frame included. Nothing was taken. */
  | 'full'

/** The sink is never called from within a call to this port. */
export interface Network {
  /** Starts listening; `done` gets an error text when the address cannot be had. `hello()` is asked anew for every handshake. */
  start(hello: () => Hello, sink: NetworkSink, done: (error?: string) => void): void
  /** Keeps one connection to each of these peers, reconnecting with jittered backoff, and lets go of peers no longer named. */
  setPeers(peers: readonly { readonly id: string; readonly address: string }[]): void
  /** Connects to an address whose node is not known yet (a seed), with retries, until `dialReached` for it or `undial`. */
  dial(address: string): void
  undial(address: string): void
  /** Closes the connection to this peer now (it misbehaved, or was refused). */
  drop(peerId: string, reason: string): void
  /**
   * Queues one frame; the parts are joined on the wire. They are copied: the bytes are the caller's again at once. Frames sent within
   * one turn leave in one write. 1 byte … `limits.peerDataFrameBytes` or `peerControlFrameBytes`, else RangeError.
   *
   * Frames of one channel arrive in the order sent, with one exception: a frame larger than a piece (64 KiB) may be overtaken by
   * frames sent after it. With `inOrder` the frame overtakes nothing: when it arrives, all that was sent before it on that
   * channel has arrived. Between the two channels there is no order.
   */
  send(peerId: string, channel: Channel, parts: readonly Uint8Array[], inOrder?: boolean): SendResult
  isUp(peerId: string): boolean
  /** Closes everything. Nothing reaches the sink after this call. */
  stop(done: () => void): void
}
