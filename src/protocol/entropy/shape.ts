/**
 * How the trees of a ring are cut. The bits of the key hash that make partition and segment together belong to the ring: with
 * twice the partitions each tree is half of the one before, segment for segment.
 *
 *     20 bits of hash   [ partition, log2 Q ][ segment ]        a million segments, whatever Q is
 *
 * One level divides a node by eight. Finding one row costs eight nodes of 16 bytes on each level: with Q = 256 four levels, 512 bytes. A
 * fan of 16 would cost 768, one of 4 as many round trips again.
 */
import type { MerkleShape } from '../../kernel/index.js'

export const RING_BITS = 20
export const FAN_BITS = 3

/** Bits of hash in front of a row key: rows of one value lie together, in as many segments as there are bits left. */
const ROW_KEY_BITS = 16
const SEGMENTS_OF_A_RANGE = 2 ** (RING_BITS - ROW_KEY_BITS)

export class RingShape {
  readonly partitions: number
  readonly partitionBits: number
  readonly segmentBits: number
  /** Levels below the root. */
  readonly depth: number

  /** `partitions`: a power of two up to 65,536. */
  constructor(partitions: number) {
    this.partitions = partitions
    this.partitionBits = Math.log2(partitions)
    this.segmentBits = RING_BITS - this.partitionBits
    this.depth = Math.ceil(this.segmentBits / FAN_BITS)
  }

  of(partition: number): MerkleShape {
    const { partitionBits, segmentBits } = this
    return { partition, partitionBits, segmentBits, fanBits: FAN_BITS }
  }

  partitionOf(rowKey: Uint8Array): number {
    return ((rowKey[0]! << 8) | rowKey[1]!) >>> (ROW_KEY_BITS - this.partitionBits)
  }

  /** Ranges of row keys (see `rangeOfSegment`) in a partition; at least one. */
  get rangesOfAPartition(): number {
    return 2 ** (ROW_KEY_BITS - this.partitionBits)
  }

  /** Nodes of a level. */
  width(level: number): number {
    return 2 ** Math.min(level * FAN_BITS, this.segmentBits)
  }

  /** Nodes right below each node of a level. */
  fan(level: number): number {
    return this.width(level + 1) / this.width(level)
  }

  /** The number of a segment, counted over the whole ring. */
  ringSegment(partition: number, segment: number): number {
    return partition * 2 ** this.segmentBits + segment
  }

  partitionOfSegment(ringSegment: number): number {
    return Math.floor(ringSegment / 2 ** this.segmentBits)
  }

  /** Where a partition's rows begin; undefined = behind the last. */
  startOf(partition: number): Uint8Array | undefined {
    return startOfHash(partition * 2 ** (ROW_KEY_BITS - this.partitionBits))
  }
}

/** All rows of a segment lie in one range, with those of its neighbours: the range's number. */
export function rangeOfSegment(ringSegment: number): number {
  return Math.floor(ringSegment / SEGMENTS_OF_A_RANGE)
}

/** Where a range's rows begin; undefined = behind the last. */
export function startOfRange(range: number): Uint8Array | undefined {
  return startOfHash(range)
}

function startOfHash(top: number): Uint8Array | undefined {
  return top < 2 ** ROW_KEY_BITS ? Uint8Array.of(top >> 8, top & 0xff) : undefined
}
