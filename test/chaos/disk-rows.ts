/** What the nodes' databases hold when they have stopped, through the simulator's own reader of the formats. */
import { join } from 'node:path'
import { RocksdbEngine } from '../../src/io/engines/rocksdb.js'
import type { ScanResult, ScanRow } from '../../src/ports/engine.js'
import { FinalCheck, type FinalRow, partitionOfKey } from '../sim/check/final-check.js'
import { RowBook, rowNameOf } from '../sim/check/row-book.js'
import type { ChaosCluster } from './chaos-cluster.js'
import { BUCKET } from './chaos-cluster.js'
import type { ChaosNode } from './chaos-node.js'
import type { Judge } from './judge.js'

const PAGE_ROWS = 500
const PAGE_BYTES = 16 * 1024 * 1024
/** Keys of rows, and of what is kept for others: fallback records and hints. */
const ROWS = { from: 'd', to: 'e' }
const KEPT = [
  { from: 'f', to: 'g' },
  { from: 'h', to: 'i' },
]

/** Who owns which partition, as a node says it. */
export interface Ring {
  readonly partitions: readonly (readonly number[])[]
  readonly members: readonly { readonly name: string }[]
}

/** Holds every row on every disk against the judge's ledger. Returns the number of keys looked at. */
export async function judgeRows(cluster: ChaosCluster, ring: Ring, judge: Judge): Promise<number> {
  const { violations, ledger } = judge
  const book = new RowBook(ledger, violations)
  const check = new FinalCheck(ledger, book, violations)
  const held = new Map<string, Map<string, Uint8Array>>()
  for (const { name, process } of cluster.nodes) {
    const rows = new Map<string, Uint8Array>()
    held.set(name, rows)
    await scanDatabase(join(process.setup.directory, 'rows'), async (scan) => {
      for (const { key, value } of await scan(ROWS)) {
        const engineKey = Buffer.from(key).toString('latin1')
        book.written(name, engineKey, undefined, value)
        const row = rowNameOf(engineKey)
        if (row?.bucket === BUCKET) rows.set(row.key, value)
      }
      for (const range of KEPT) {
        const kept = (await scan(range)).length
        if (kept > 0)
          violations.add('A8', `${name} has stopped with ${kept} records that it keeps for others`)
      }
    })
  }
  const keys = new Set([...held.values()].flatMap((rows) => [...rows.keys()]))
  for (const key of new Set([...keys, ...ledger.keys.keys()])) {
    const rows = rowsOf(key, cluster.nodes, ring, held)
    const difference = check.difference(key, rows)
    if (difference !== undefined) violations.add('A4', `on disk ${difference}`)
    check.key(key, rows)
  }
  return keys.size
}

function rowsOf(
  key: string,
  nodes: readonly ChaosNode[],
  ring: Ring,
  held: ReadonlyMap<string, ReadonlyMap<string, Uint8Array>>,
): FinalRow[] {
  const partition = ring.partitions[partitionOfKey(BUCKET, key, ring.partitions.length)] ?? []
  const owners = new Set(partition.map((index) => ring.members[index]?.name))
  return nodes.map(({ name }) => ({ node: name, row: held.get(name)?.get(key), owner: owners.has(name) }))
}

type Scan = (range: { from: string; to: string }) => Promise<ScanRow[]>

async function scanDatabase(directory: string, read: (scan: Scan) => Promise<void>): Promise<void> {
  const engine = new RocksdbEngine(directory)
  const wait = <T>(call: (done: (error: unknown, result: T) => void) => void) =>
    new Promise<T>((resolve, reject) => call((error, result) => (error ? reject(error) : resolve(result))))
  await wait<void>((done) => engine.open(done))
  try {
    await read(async ({ from, to }) => {
      const all: ScanRow[] = []
      for (let page: ScanResult | undefined; page?.done !== true; ) {
        const last = all.at(-1)?.key
        // The next key after the last one.
        const next = last === undefined ? Buffer.from(from) : Buffer.concat([last, Buffer.of(0)])
        const range = { from: next, to: Buffer.from(to), maxRows: PAGE_ROWS, maxBytes: PAGE_BYTES }
        page = await wait<ScanResult>((done) => engine.scan(range, done))
        all.push(...page.rows)
      }
      return all
    })
  } finally {
    await wait<void>((done) => engine.close(done))
  }
}
