/** Every bound of the system, with its reason. A limit that can be configured has its default here. */

const KiB = 1024
const MiB = 1024 * KiB

/** What names of members and zones are made of: they appear in logs, metrics and host lists. */
export const LABEL_PATTERN = '^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$'

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
  /** Request target: a bucket and a key with every byte percent-encoded, or a listing's prefix and cursor, need less. */
  targetBytes: 8 * KiB,
  defaultTimeoutMs: 5_000,
  maxTimeoutMs: 60_000,
  listPageKeys: 1_000,
  listPageKeysDefault: 100,
  partitions: 65_536,
  replicas: 15,
  /** Buckets that properties were ever set for, dropped ones included: with a thousand members the gossiped state still fits its frame. */
  buckets: 2_048,
  /** Settings of buckets that wait to be written here. */
  bucketChanges: 256,
  /** Members of one cluster; the paper's full membership scales to hundreds. */
  members: 1_000,
  /** A node that has learnt something tells so many others, chosen by chance: one in three thousand hears it from nobody, and learns it by digests within seconds. */
  gossipPartners: 8,
  /** A member that misses another one for so long dials the addresses that it was started with: longer than a restart takes. */
  seedsAfterMs: 15_000,
  /** Requests of peers that wait for lists of owners to be adopted which are known here and not yet on the disk, bytes of their keys and objects (not of the frames that they came in), and for how long at the most. */
  earlyRequests: 4_096,
  earlyBytes: 16 * MiB,
  earlyMs: 100,
  /** Of what members handed over, as it was last spelled, for each of the few spellings that are remembered. */
  movesBytes: 4 * MiB,
  /** Rumours that are known when they come again, from another side: some seconds' worth where many nodes start at once. */
  rumoursRemembered: 256,
  /** Slots of changes, and of facts, in the summary of a membership state that is compared: one kilobyte says which sixteenth of ten thousand entries differs. */
  gossipSlots: 64,
  /** Nodes remembered that this one does not talk to, for people to see, and for how long after the last attempt. */
  refusedNodes: 16,
  refusedNodeMs: 600_000,
  /** Requests one node coordinates at a time; beyond it they are shed before any work. */
  requestsInFlight: 10_000,
  /**
   * What input may wait before work on it begins, in the mean; beyond it requests of clients are held back. Three nodes that share a core are
   * saturated at 4 ms; at 15 ms a request, which waits several times on its way, takes a tenth of a second.
   */
  queueTargetMs: 12,
  /** Over how long that is judged: several collections of garbage, some thirty requests of a client. */
  queueIntervalMs: 250,
  /** Requests of clients that are never held back for it: so few are not the reason why a node is late. */
  requestsAtLeast: 256,
  /**
   * New connections wait unread while requests are held back: about this long (a health check must not take it for death), and then so many at a time are
   * read, one look after the other.
   */
  connectionPatienceMs: 250,
  connectionsAtALook: 64,
  /** Rows that peers want written, and keys that wait for a look-up, beyond which a replica says that it is overloaded. Some seconds' worth. */
  replicaOperations: 16_384,
  replicaReads: 32_768,
  /** It says so too while the disk has been behind for as long as this: writes that do not fit into the next batch. */
  diskBehindMs: 2_000,
  /** Forwarded writes by which a frame that arrives again is known. */
  forwardsRemembered: 1_024,
  /** Requests that were answered and stay for stragglers: replicas that do not answer must not shed those that could be served. */
  requestsAnswered: 10_000,
  /**
   * A replica that holds another object than the coordinator shows it whole up to this size, which costs less than being asked once more; of a larger one it tells
   * clock and dots first.
   */
  shownWholeBytes: 4 * KiB,
  /** Bytes of hints that a node keeps for others, counted once for each target: a share of the disk that a long outage cannot pass. */
  hintBytes: 4 * 1024 * MiB,
  /** Operations waiting in one key's lane: a hot key must not hold the memory of all. */
  laneOperations: 4_096,
  /** Bytes of values held by requests in flight. */
  requestBytesInFlight: 256 * MiB,
  /** Bytes of large answers not yet taken by their clients: slow readers must not fill the memory. */
  responseBytesInFlight: 256 * MiB,
  /** Answers above this are counted against `responseBytesInFlight`; counting each small one would cost more than it protects. */
  responseBytesCounted: 64 * KiB,
  /** Requests of one connection that wait for the answer to one before them. */
  pipelinedRequests: 100,
  /** Client connections of one node; more are closed at once. Each may hold a head of 64 KiB. */
  clientConnections: 10_000,
  /** A request's head must be complete by then (slow-header attack). */
  headTimeoutMs: 10_000,
  /** A whole request must have arrived by then: 1 MiB at 20 KB/s. */
  requestTimeoutMs: 60_000,
  /** How often the two above are looked at. */
  requestTimeoutCheckMs: 2_000,
  /** An open connection without a request is closed after this; above the 60 s at which common proxies give theirs up. */
  keepAliveMs: 72_000,
  /** A connection on which nothing moves is closed; above `maxTimeoutMs`, for which an answer may take. */
  idleSocketMs: 90_000,
  /** After a request was refused early, this much of its body is still taken, so that the client sees the answer and no reset. */
  lingerBytes: 9 * MiB,
  lingerMs: 2_000,
  /** How long a closing node waits for requests in flight. */
  closeGraceMs: 10_000,
  /** How long a closing node leaves connections open on which nothing was asked: a request may be on its way. */
  closeMomentMs: 300,
  /** Remembered spellings of an allowed Host. */
  hostSpellings: 256,
  /** Remembered encodings of a content type without more attributes. */
  contentTypes: 256,
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
  /** Writes that wait for the disk: some seconds' worth. Beyond it they are refused before anything has begun. */
  storageQueueWrites: 65_536,
  storageQueueBytes: 128 * MiB,
  /** One batch: large enough to share a sync among thousands, small enough that the next is not kept waiting. A single larger write goes alone. */
  storageBatchOperations: 4_096,
  storageBatchBytes: 8 * MiB,
  /**
   * Durability `buffered`: rows acknowledged from memory, beyond which an acknowledgement waits for the disk again; what a crash takes at most. They
   * are written out after so long, or when there are so many bytes of them: one sync for each.
   */
  bufferWrites: 16_384,
  bufferBytes: 32 * MiB,
  bufferMs: 20,
  bufferBatchBytes: 2 * MiB,
  /** Keys that wait for a look-up; beyond it they are unreadable for now. */
  storageQueueReads: 262_144,
  /** A batch that takes longer than this: the disk stands still, and nothing new is promised until it moves. */
  storageStallMs: 2_000,
  /** One look-up in the engine and how many may be under way: the thread pool has four threads, and the writer needs one. */
  storageSweepRows: 512,
  storageSweeps: 2,
  /** Pages of scans: under way, waiting, and the size of one, which a turn of the event loop has to check. */
  storageScans: 1,
  storageQueueScans: 1_024,
  storageScanRows: 4_096,
  storageScanBytes: 4 * MiB,
  /** How often the free room on the disk is measured. */
  storageMeasureMs: 1_000,
  /** The reserve is written after so many measurements. */
  storageReserveAfter: 5,
  /** Default room on the disk below which rows are refused, beside the reserve: compaction must still be able to work. */
  storageFloorBytes: 128 * MiB,
  /** Default reserve: what a reopen after a full disk must write, both write buffers and some. */
  storageReserveBytes: 136 * MiB,
  /** Commits put into hash trees by one native call, and those remembered beside a page of a tree's scan: some two milliseconds' worth. */
  treeUpdates: 2_048,
  /** A page of a tree's scan: every row's checksum is verified in one turn. */
  treeScanRows: 512,
  treeScanBytes: MiB,
  /** Every tree is built anew once in this time, one after the other, whether or not anything is known against it: two weeks, as in Riak. */
  treeRebuildMs: 14 * 24 * 3_600_000,
  /** How long two replicas go without comparing their trees, about; longer where a node has very many partitions. */
  exchangeEveryMs: 10_000,
  /** The next exchange begins no sooner than this after the one before: a node with 65,536 partitions has hundreds of chunks. */
  exchangeGapMs: 250,
  /** Partitions compared by one message: 4 KiB of roots. */
  exchangePartitions: 256,
  /** Default of how many exchanges one node conducts at a time, each with another peer. */
  exchanges: 2,
  /** The least that an operator can limit rows to that a node sends in a second: the largest value usually allowed goes within half a minute. */
  transferRateLeast: 32 * KiB,
  /** An exchange that has not ended by then is broken off, and goes on soon with what still differs. */
  exchangeMs: 60_000,
  /** For so long after the last one with a peer an exchange waits for hints that are being handed to it: it would find mostly what they bring. */
  exchangeWaitsMs: 600_000,
  /** The longest wait for one answer within it. */
  exchangeAnswerMs: 10_000,
  /** Nodes asked for by one message (eight below each: 16 KiB), segments, and what an answer about segments holds at most. */
  exchangePlaces: 128,
  exchangeSegments: 64,
  exchangeKeys: 1_024,
  /** Rows read to find them: a range of row keys holds sixteen segments. Beyond it the answer says where to go on. */
  exchangeScanRows: 4_096,
  exchangeScanBytes: 4 * MiB,
  /** Rows, and bytes of them, on their way in one direction of an exchange. One larger row goes alone. */
  exchangeRows: 64,
  exchangeBytes: MiB,
  /** A member that starts serves no client for so long unless it has heard another one: that would know if it was removed while it was away. */
  hearMembersMs: 2_000,
  /**
   * Units a second that a task in the background always gets (a unit is about one client's request) and the most that it gets, which is more than it can
   * use; over how long clients' p99 is taken, and how long at most where there are few requests.
   */
  background: { least: 100, most: 20_000, windowMs: 500, longestMs: 5_000 },
  /** Metrics name each partition's last exchange up to this many partitions; beyond it only the oldest. */
  exchangeAges: 256,
  /** How often a node that has tombstones to let go of tries to, about. */
  reapEveryMs: 5_000,
  /** A tombstone is left alone for so long: a client that repeats a write meanwhile is recognised by what the row remembers. */
  reapAfterMs: 15_000,
  /** Entries of a clock that are left alone, although nothing is left of their actors: those of owners that will write again. */
  spareEntries: 8,
  /**
   * A key is left alone for so long before its clock sheds what it has to spare. Nothing presses, and a disk that loses the end of its log does not reach back so
   * far: what it forgets, the others should still remember.
   */
  shedAfterMs: 3_600_000,
  /** Keys of one round of reaping, and bytes of them: one message, and one look at each key on every member. */
  reapKeys: 512,
  reapKeyBytes: 256 * KiB,
  /** A round of reaping that has not ended by then has failed. */
  reapRoundMs: 20_000,
  /** The longest wait for all members to say that what was sent to them has arrived. */
  reapFlushMs: 10_000,
  /** Tombstones known at a time: some 40 MB. Beyond it they are looked for on the disk when these have gone. */
  tombstones: 131_072,
  /** Between two pages of the scan that finds tombstones of earlier starts: four megabytes a second at most. */
  tombstoneScanMs: 250,
  /** One page of rows for a backup: as one of a tree's scan. Pages asked for at a time. */
  copiedPageRows: 1_024,
  copiedPageBytes: MiB,
  copiesAtOnce: 32,
  /** Rows of a backup in one request: some pages, or one of the largest objects; requests at a time. */
  restoredRows: 4_096,
  restoredBytes: 16 * MiB,
  restoresAtOnce: 8,
  /** Of one request, rows on their way to their owners at a time, and those begun in one piece: half a millisecond or two. */
  restoredRowsAtOnce: 256,
  restoredRowsInSlice: 128,
  /** RocksDB closes in milliseconds, or a second where the disk is slow. After this it is taken for one that never does. */
  storageCloseMs: 30_000,
  /** Default memory for rows, filled by use. What was used while half of it went by is still there. */
  storageCacheBytes: 128 * MiB,
} as const
