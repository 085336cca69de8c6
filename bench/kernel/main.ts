/**
 * CPU time of one call into the native core, border included, from its TypeScript face: `node dist/bench/kernel/main.js`. The least of several
 * rounds, so that other work on the machine shows as little as it can. Without the border: `cargo bench -p rotunda-kernel`.
 */
import {
  applyWrite,
  checkContext,
  checkObject,
  checkRow,
  compareObjects,
  crc32c,
  decodeObject,
  encodeChanges,
  makeRowKey,
  mergeRow,
  merkleCommit,
  merkleCreate,
  objectClock,
  objectDigest,
  openToken,
  placementTable,
  rowObject,
  sealRow,
  sealRowKey,
  sealToken,
  versionDigest,
  type Write,
  writtenContext,
} from '../../src/kernel/index.js'

const ROUNDS = 7
const NONE = Buffer.alloc(0)
const ACTOR = Buffer.alloc(14, 1)
const LIMITS = { maxSiblings: 128, maxBytes: 8 << 20 }
const ROW_KEY = makeRowKey(Buffer.from('carts'), Buffer.from('alice'))
const OUT = Buffer.allocUnsafeSlow(64 << 10)
const TOKEN_KEYS = Buffer.alloc(36, 2)
const TOKEN = Buffer.alloc(256, 3)

function write(operation: number): Write {
  return {
    tombstone: false,
    incomplete: false,
    wallMs: 1_700_000_000_000,
    operation: Buffer.alloc(16, operation),
    operationIsClients: false,
    attributes: Buffer.alloc(20, 3),
    value: Buffer.alloc(1024, 7),
  }
}

function put(row: Uint8Array, context: Uint8Array, operation: number): Buffer {
  const length = applyWrite(row, ACTOR, context, write(operation), LIMITS, OUT)
  const written = Buffer.from(OUT.subarray(0, length))
  sealRow(ROW_KEY, written, 1)
  return written
}

/** Nanoseconds of CPU a call, the least of some rounds. */
function cpuNs(calls: number, call: () => unknown): number {
  let least = Number.POSITIVE_INFINITY
  for (let round = 0; round < ROUNDS; round++) {
    const before = process.cpuUsage()
    for (let i = 0; i < calls; i++) call()
    const { user, system } = process.cpuUsage(before)
    least = Math.min(least, ((user + system) * 1_000) / calls)
  }
  return least
}

function joins(members: number): Uint8Array {
  const id = (n: number) => n.toString(16).padStart(32, '0')
  return encodeChanges(
    Array.from(
      { length: members },
      (_, n) => ({ stamp: n + 1, author: id(1), kind: 'join', member: id(n + 1) }) as const,
    ),
  )
}

const first = put(NONE, NONE, 1)
const context = objectClock(rowObject(first))
const second = put(first, context, 2)
const [older, newer] = [rowObject(first), rowObject(second)]
const over = write(3)
const three = joins(3)
const twelve = joins(12)
const tree = merkleCreate({ partition: 0, partitionBits: 0, segmentBits: 12, fanBits: 4 })
const trees = Uint32Array.of(tree)
let [before, after] = [first, second]
merkleCommit(trees, [ROW_KEY, NONE, after])
const textBytes = sealToken(TOKEN_KEYS, TOKEN, 20, 60)
const TEXT = TOKEN.toString('latin1', 76, 76 + textBytes)

const FEW = 50
const MANY = 100_000
const CALLS: readonly (readonly [name: string, calls: number, call: () => unknown])[] = [
  ['sealRowKey', MANY, () => sealRowKey(ROW_KEY)],
  ['applyWrite, new key, 1 KiB', MANY, () => applyWrite(NONE, ACTOR, NONE, over, LIMITS, OUT)],
  ['applyWrite over what was read, 1 KiB', MANY, () => applyWrite(first, ACTOR, context, over, LIMITS, OUT)],
  ['mergeRow of the same', MANY, () => mergeRow(first, older, false, OUT)],
  ['mergeRow into nothing, 1 KiB', MANY, () => mergeRow(NONE, older, false, OUT)],
  ['mergeRow of the newer, 1 KiB', MANY, () => mergeRow(first, newer, false, OUT)],
  ['writtenContext', MANY, () => writtenContext(newer, ACTOR, 2, OUT)],
  ['compareObjects', MANY, () => compareObjects(older, newer)],
  ['checkObject', MANY, () => checkObject(newer)],
  ['checkContext', MANY, () => checkContext(context)],
  ['sealRow, 1 KiB', MANY, () => sealRow(ROW_KEY, second, 5)],
  ['checkRow, 1 KiB', MANY, () => checkRow(ROW_KEY, second)],
  ['objectDigest, 1 KiB', MANY, () => objectDigest(newer, OUT)],
  ['versionDigest', MANY, () => versionDigest(newer, OUT)],
  ['sealToken of 60 bytes', MANY, () => sealToken(TOKEN_KEYS, TOKEN, 20, 60)],
  ['openToken, filled in', MANY, () => openToken(TOKEN_KEYS, TOKEN, 20, TOKEN.write(TEXT, 20))],
  ['crc32c, 1 KiB', MANY, () => crc32c(second)],
  [
    'merkleCommit of one row, 12 bits',
    MANY,
    () => {
      ;[before, after] = [after, before]
      merkleCommit(trees, [ROW_KEY, before, after])
    },
  ],
  ['decodeObject (TypeScript)', MANY, () => decodeObject(newer)],
  ['objectClock (TypeScript)', MANY, () => objectClock(newer)],
  ['placementTable, 256 partitions, 3 joins', FEW, () => placementTable(256, 3, three)],
  ['placementTable, 256 partitions, 12 joins', FEW, () => placementTable(256, 3, twelve)],
]

for (const [name, calls, call] of CALLS) {
  const ns = cpuNs(calls, call)
  const figure = ns < 10_000 ? `${Math.round(ns)} ns` : `${(ns / 1_000).toFixed(0)} µs`
  process.stdout.write(`${name.padEnd(44)} ${figure.padStart(10)}\n`)
}
