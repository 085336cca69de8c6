/** Every bound of the system, with its reason. A limit that can be configured has its default here. */

const KiB = 1024
const MiB = 1024 * KiB

export const limits = {
  /** Bucket length fits one byte in the row key. */
  bucketBytes: 255,
  keyBytes: 1024,
  /** Default largest value; the paper's objects are below 1 MB. Configurable up to `valueBytesCeiling`. */
  valueBytes: MiB,
  valueBytesCeiling: 8 * MiB,
  /** A client's write beyond these is refused until it merges; repair and handoff never are. */
  siblings: 128,
  siblingBytes: 8 * MiB,
  operationBytes: 64,
  /** Content type, encoding and meta of one version together. */
  attributesBytes: 8 * KiB,
  /** A context token of 250 actors stays under 8 KiB; the head has room for several. */
  contextTokenBytes: 48 * KiB,
  headBytes: 64 * KiB,
  defaultTimeoutMs: 5_000,
  maxTimeoutMs: 60_000,
  listPageKeys: 1_000,
  listPageKeysDefault: 100,
  partitions: 65_536,
  replicas: 15,
  /** Members of one cluster; the paper's full membership scales to hundreds. */
  members: 1_000,
  /** Requests one node coordinates at a time; beyond it they are shed before any work. */
  requestsInFlight: 10_000,
  /** Operations waiting in one key's lane: a hot key must not hold the memory of all. */
  laneOperations: 4_096,
  /** Bytes of values held by requests in flight. */
  requestBytesInFlight: 256 * MiB,
  /** Largest frame between peers on the data channel: an object of the largest value and siblings, and room for a batch around it. */
  peerDataFrameBytes: 16 * MiB,
  /** Largest frame on the control channel: the gossiped state of a full cluster. */
  peerControlFrameBytes: MiB,
  /** A frame travels in pieces of at most this (header included), so that nothing waits longer than for one of them. */
  peerPieceBytes: 64 * KiB,
  /** Large frames of one connection that are under way at a time, and their bytes: what a peer can make us hold while it never finishes. */
  peerPartialFrames: 8,
  peerPartialBytes: 32 * MiB,
  /** Default send windows: bytes that may wait for one peer on one channel, the next frame included. At least one largest frame. */
  peerDataWindowBytes: 16 * MiB,
  peerControlWindowBytes: 4 * MiB,
  /** Bytes given to a socket ahead of the network: enough to keep it busy, few enough that a small frame soon gets its turn. */
  peerSocketBytes: 256 * KiB,
  /** One message of the peer handshake, and all bytes of a connection before its proof (HTTP head excluded): strangers get no more memory. */
  peerHandshakeMessageBytes: KiB,
  peerUnprovenBytes: 4 * KiB,
  /** Head of the HTTP request that opens a peer connection: ours has 200 bytes. */
  peerHeadBytes: 4 * KiB,
  /** Connections without proof at a time; beyond it the oldest goes. */
  peerUnprovenConnections: 64,
  peerHandshakeMs: 5_000,
  /** Cluster secrets known at a time: a rotation needs two. */
  secrets: 8,
} as const
