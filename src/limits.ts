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
} as const
