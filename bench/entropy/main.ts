/**
 * What it costs to find and repair a few differing keys among many: `npm run bench:entropy`. Two replicas in memory, real trees, real
 * messages, no processes; the default is 100 keys of 1,000,000. The exit code is 1 where more than 3 × their own bytes + 64 KiB were on the wire.
 *
 *   --keys 1000000 --differing 100 --value-bytes 100 --partitions 256
 */
import { parseArgs } from 'node:util'
import { Conversation } from './conversation.js'
import { byRowKey, MemoryReplica, makeRow, type StoredRow } from './replica.js'

const { values } = parseArgs({
  options: {
    keys: { type: 'string', default: '1000000' },
    differing: { type: 'string', default: '100' },
    'value-bytes': { type: 'string', default: '100' },
    partitions: { type: 'string', default: '256' },
  },
})
const [keys, differing, valueBytes, partitions] = [
  Number(values.keys),
  Number(values.differing),
  Number(values['value-bytes']),
  Number(values.partitions),
]
const MEMBERS = ['a', 'b', 'c']
const ALLOWANCE_BYTES = 64 * 1024

function say(line: string): void {
  process.stdout.write(`${line}\n`)
}

/** A third of what differs is missing here, a third there, and of a third one replica has an older version. */
function rowsOf(key: number): { readonly a: StoredRow | undefined; readonly b: StoredRow | undefined } {
  const row = makeRow(`key ${key}`, 1, 1, valueBytes)
  if (key >= differing) return { a: row, b: row }
  if (key % 3 === 0) return { a: row, b: undefined }
  if (key % 3 === 1) return { a: undefined, b: row }
  const newer = makeRow(`key ${key}`, 1, 2, valueBytes)
  return key % 2 === 0 ? { a: row, b: newer } : { a: newer, b: row }
}

const ours: StoredRow[] = []
const theirs: StoredRow[] = []
let ownBytes = 0
for (let key = 0; key < keys; key++) {
  const { a, b } = rowsOf(key)
  if (a !== undefined) ours.push(a)
  if (b !== undefined) theirs.push(b)
  if (key < differing) {
    const larger = [a, b].map((one) => (one === undefined ? 0 : one.rowKey.length + one.row.length))
    ownBytes += Math.max(...larger)
  }
}
ours.sort(byRowKey)
theirs.sort(byRowKey)
const a = new MemoryReplica('a', MEMBERS, partitions)
const b = new MemoryReplica('b', MEMBERS, partitions)
let cpu = process.cpuUsage()
a.fill(ours)
const filled = process.cpuUsage(cpu)
b.fill(theirs)
say(`${keys} keys of ${valueBytes} bytes in ${partitions} partitions; ${differing} differ, ${ownBytes} bytes`)
say(`a tree update ${(((filled.user + filled.system) * 1_000) / keys).toFixed(0)} ns a row`)

const chunk = Array.from({ length: Math.min(256, partitions) }, (_, partition) => partition)
cpu = process.cpuUsage()
const { outcome, bytes, messages, largest } = await new Conversation(a, b, chunk).run()
const spent = process.cpuUsage(cpu)
const allowed = 3 * ownBytes + ALLOWANCE_BYTES
say(`exchange: ${outcome.result}, ${outcome.pulled} rows pulled, ${outcome.pushed} pushed`)
say(`${bytes} bytes in ${messages} messages, the largest ${largest}; allowed ${allowed}`)
say(`${((spent.user + spent.system) / 1_000).toFixed(0)} ms of CPU on both sides together`)

const again = await new Conversation(a, b, chunk).run()
say(`again: ${again.outcome.result}, ${again.bytes} bytes in ${again.messages} messages`)
const alike = again.outcome.result === 'same' && outcome.pulled + outcome.pushed === differing
process.exitCode = alike && bytes <= allowed ? 0 : 1
