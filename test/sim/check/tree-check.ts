/**
 * Holds the nodes' hash trees against their disks: a tree must be what a scan gives. What is hashed is the kernel's business and is
 * asked of it; which rows there are, which object is in each, and what is in which partition is found here, from the bytes on the disk.
 */
import { merkleCommit, merkleCreate, merkleFree, merkleLevel } from '../../../src/kernel/index.js'
import type { SimHost } from '../host.js'
import type { RowBook } from './row-book.js'

const NOTHING = new Uint8Array(0)
const NO_ROWS = '0'.repeat(32)

/** In words, which partition's tree is not right; undefined when all are. A disk with damaged rows has no right trees. */
export function treeFault(host: SimHost, book: RowBook): string | undefined {
  const roots = host.node?.treeRoots() ?? []
  if (roots.length === 0) return `${host.name} has no trees`
  const rows = rowsByPartition(host, roots.length)
  for (const [partition, root] of roots.entries()) {
    if (root === '') return `${host.name} still builds its tree of partition ${partition}`
    const scanned = rootOf(rows.get(partition) ?? [], partition, roots.length, book)
    if (root !== scanned)
      return `${host.name}'s tree of partition ${partition} has the root ${root}, and a scan gives ${scanned}`
  }
  return undefined
}

type Row = readonly [rowKey: Buffer, row: Uint8Array]

function rowsByPartition(host: SimHost, partitions: number): Map<number, Row[]> {
  const rows = new Map<number, Row[]>()
  for (const name of host.disk.keys()) {
    if (name[0] !== 'd') continue
    const rowKey = Buffer.from(name.slice(1), 'latin1')
    const partition = Math.floor((rowKey.readUInt16BE(0) / 65_536) * partitions)
    rows.set(partition, [...(rows.get(partition) ?? []), [rowKey, host.disk.get(name)!]])
  }
  return rows
}

function rootOf(rows: readonly Row[], partition: number, partitions: number, book: RowBook): string {
  if (rows.length === 0) return NO_ROWS
  // A tree of nothing but a root: sums are the same however a tree is cut.
  const tree = merkleCreate({ partition, partitionBits: Math.log2(partitions), segmentBits: 0, fanBits: 1 })
  for (const [rowKey, row] of rows) {
    book.parse(row)
    merkleCommit(Uint32Array.of(tree), [rowKey, NOTHING, row])
  }
  const root = Buffer.alloc(16)
  merkleLevel(tree, 0, 0, 1, root)
  merkleFree(tree)
  return root.toString('hex')
}
