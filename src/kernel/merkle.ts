/**
 * Hash trees over the rows of a partition replica (crates/kernel/src/merkle): kept up to date row by row, compared level by level.
 * A tree is a handle; it lives until merkleFree, in the thread that made it. A handle that was freed throws KernelError `bad-tree`.
 */
import { binding } from './binding.js'
import { outcome, wholeNumber } from './codes.js'

/** Bytes of a node. */
export const MERKLE_NODE_BYTES = 16

export interface MerkleShape {
  /** Which of the 2^partitionBits partitions. */
  readonly partition: number
  /** Bits of the key hash that make the partition: 0 to 16. */
  readonly partitionBits: number
  /** Bits below them that make a segment: 0 to 20, and 32 with the partition's. */
  readonly segmentBits: number
  /** Bits from one level to the next: 1 to 8. */
  readonly fanBits: number
}

const MAX_U32 = 2 ** 32 - 1

/** A tree without rows; its handle. */
export function merkleCreate(shape: MerkleShape): number {
  return outcome(
    binding.merkleCreate(
      wholeNumber('partition', shape.partition, 0, 65_535),
      wholeNumber('partitionBits', shape.partitionBits, 0, 16),
      wholeNumber('segmentBits', shape.segmentBits, 0, 20),
      wholeNumber('fanBits', shape.fanBits, 1, 8),
    ),
  )
}

export function merkleFree(tree: number): void {
  outcome(binding.merkleFree(handle(tree)))
}

const trees = new FinalizationRegistry<Iterable<number>>((handles) => {
  for (const tree of handles) binding.merkleFree(tree)
})

/** Frees these trees, whichever they are by then, when `owner` has been collected. */
export function merkleFreeWith(owner: object, handles: Iterable<number>): void {
  trees.register(owner, handles)
}

/** Takes all rows out. */
export function merkleClear(tree: number): void {
  outcome(binding.merkleClear(handle(tree)))
}

/**
 * Rows were committed, `rows.length / 3` of them: for each its row key, the row before and the row after (no bytes: none), into the
 * tree of its handle in `trees`. Of an object its clock counts, and the length and head of each sibling (the core's `tree_digest`); envelopes do not. Throws
 * `bad-tree` for the first that cannot be, like a row key of another partition: those before it are in.
 */
export function merkleCommit(trees: Uint32Array, rows: readonly Uint8Array[]): void {
  outcome(binding.merkleCommit(trees, rows as Uint8Array[]))
}

/** Bytes that merklePack may need for so many leaves. */
export function merklePackBound(leaves: number): number {
  return 4 + leaves * (4 + 2 * MERKLE_NODE_BYTES)
}

/** The segments of `first … first + count - 1` (at most 65,536) that hold rows, and how many, into `out`: what merkleUnpack makes a tree of. The length. */
export function merklePack(tree: number, first: number, count: number, out: Uint8Array): number {
  return outcome(
    binding.merklePack(handle(tree), whole32('first', first), wholeNumber('count', count, 0, 65_536), out),
  )
}

/** Adds what was packed from the segment `first` on. Throws `bad-tree` for bytes that merklePack does not write. */
export function merkleUnpack(tree: number, first: number, packed: Uint8Array): void {
  outcome(binding.merkleUnpack(handle(tree), whole32('first', first), packed))
}

/** Rows in the tree. */
export function merkleRows(tree: number): number {
  return outcome(binding.merkleRows(handle(tree)))
}

/** Bytes of the objects of these rows. */
export function merkleBytes(tree: number): number {
  return outcome(binding.merkleBytes(handle(tree)))
}

/**
 * Splits a partition's tree into those of the 2^bits partitions that have its place (1 to 16 bits, and no more than it has for segments). Those that hold rows, as
 * [number among them, handle], rising; no row is read. The tree is freed. Throws `bad-tree`, and changes nothing, where it cannot be split.
 */
export function merkleSplit(tree: number, bits: number): [number, number][] {
  const out = Buffer.allocUnsafe(8 * 2 ** wholeNumber('bits', bits, 1, 16))
  const count = outcome(binding.merkleSplit(handle(tree), bits, out))
  return Array.from({ length: count }, (_, i) => [out.readUInt32LE(8 * i), out.readUInt32LE(8 * i + 4)])
}

/** The segment of a row key: the bits of its key hash below the partition's. */
export function merkleSegment(tree: number, rowKey: Uint8Array): number {
  return outcome(binding.merkleSegment(handle(tree), rowKey))
}

/** Nodes of a level (0 = the root), as many as a shape has there. */
export function merkleWidth(shape: MerkleShape, level: number): number {
  return 2 ** Math.min(level * shape.fanBits, shape.segmentBits)
}

/** Levels below the root. The nodes of the last one are the segments. */
export function merkleDepth(shape: MerkleShape): number {
  return Math.ceil(shape.segmentBits / shape.fanBits)
}

/** Writes `count` nodes of a level from `first` on, 16 bytes each, into `out`: what goes to a peer. The number of bytes. */
export function merkleLevel(
  tree: number,
  level: number,
  first: number,
  count: number,
  out: Uint8Array,
): number {
  const [at, from, nodes] = [whole32('level', level), whole32('first', first), whole32('count', count)]
  return outcome(binding.merkleLevel(handle(tree), at, from, nodes, out))
}

/** The numbers of nodes of a level, from `first` on, that differ from those a peer wrote. */
export function merkleDiffer(tree: number, level: number, first: number, theirs: Uint8Array): Uint32Array {
  const out = Buffer.allocUnsafe(Math.ceil(theirs.length / MERKLE_NODE_BYTES) * 4)
  const found = outcome(
    binding.merkleDiffer(handle(tree), whole32('level', level), whole32('first', first), theirs, out),
  )
  return Uint32Array.from({ length: found }, (_, i) => out.readUInt32LE(4 * i))
}

function whole32(name: string, value: number): number {
  return wholeNumber(name, value, 0, MAX_U32)
}

function handle(tree: number): number {
  return whole32('tree', tree)
}
