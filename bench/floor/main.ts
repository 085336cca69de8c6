/**
 * The floor: what processes of fastify, ws and rocksdb cost for a replicated put and get, and nothing else. Three nodes own a key: with three, all of them; with more,
 * one by the key's checksum and the two after it. A put is written on all three and answered when two have synced it; a get reads one, here if it can, asks both others for a digest and
 * is answered with the first of them. No versions, no contexts, no membership, no repair, no deadlines.
 *
 *     node floor/main.js <number> <directory> <client ports, by number> <peer ports, by number>
 */
import { crc32 } from 'node:zlib'
import fastify from 'fastify'
import { kinds, type Message } from './frames.js'
import { connectMesh, type Peer } from './peers.js'
import { FloorStore } from './store.js'

const NOTHING = Buffer.alloc(0)
const BODY_BYTES = 8 * 1024 * 1024
const COPIES = 3

const [numberText, directory, clientPorts, peerPorts] = process.argv.slice(2)
const number = Number(numberText)
const store = new FloorStore(directory!)
await store.open()

let nextId = 0
/** Called with each peer's answer to a request of ours; removed when the last has come. */
const asked = new Map<number, (value: Buffer) => void>()
const ports = numbers(peerPorts!)
const peers = await connectMesh({ number, ports, take })
/** For each first owner: is this node an owner, and the peers that are. */
const placements = ports.map((_, first) => placementFrom(first))

const app = fastify({
  bodyLimit: BODY_BYTES,
  forceCloseConnections: true,
  routerOptions: { maxParamLength: 1024 },
})
app.removeAllContentTypeParsers()
app.addContentTypeParser('*', { parseAs: 'buffer' }, (_request, body, done) => done(null, body))

app.put<{ Params: { bucket: string; key: string }; Body: Buffer }>(
  '/v1/kv/:bucket/:key',
  (request, reply) => {
    const key = rowKey(request.params)
    const value = request.body
    const copied = tally(2, () => reply.code(204).send())
    const { isOwner, others } = placementOf(key)
    if (isOwner) store.put(key, value, copied)
    askPeers(others, kinds.write, key, value, copied)
  },
)

app.get<{ Params: { bucket: string; key: string } }>('/v1/kv/:bucket/:key', (request, reply) => {
  const key = rowKey(request.params)
  let found: Buffer | undefined
  const read = tally(2, () => {
    if (found === undefined || found.length === 0) reply.code(404).send()
    else reply.type('application/octet-stream').send(found)
  })
  const got = (value: Buffer | undefined): void => {
    found = value
    read()
  }
  const { isOwner, others } = placementOf(key)
  if (isOwner) store.get(key, got)
  else askPeers(others.slice(0, 1), kinds.read, key, NOTHING, got)
  // One of two digests must be there as well. The second is of no use to anybody but a repair.
  let digests = 0
  askPeers(isOwner ? others : others.slice(1), kinds.digest, key, NOTHING, () => {
    digests += 1
    if (digests === 1) read()
  })
})

app.get('/health/ready', (_request, reply) => {
  reply.send({ ready: true })
})

await app.listen({ host: '127.0.0.1', port: numbers(clientPorts!)[number]! })
process.once('SIGTERM', () => void stop())

function take(peer: Peer, { kind, id, key, value }: Message): void {
  switch (kind) {
    case kinds.write:
      store.put(key, value, () => peer.send({ kind: kinds.written, id, key: NOTHING, value: NOTHING }))
      return
    case kinds.digest:
      store.get(key, (row) => peer.send({ kind: kinds.digestIs, id, key: NOTHING, value: digestOf(row) }))
      return
    case kinds.read:
      store.get(key, (row) => peer.send({ kind: kinds.valueIs, id, key: NOTHING, value: row ?? NOTHING }))
      return
    case kinds.written:
    case kinds.digestIs:
    case kinds.valueIs:
      asked.get(id)?.(value)
      return
    default:
      throw new Error(`a message of kind ${kind}`)
  }
}

interface Placement {
  readonly isOwner: boolean
  readonly others: readonly Peer[]
}

function placementFrom(first: number): Placement {
  const owners = Array.from({ length: COPIES }, (_, place) => (first + place) % ports.length)
  const others = owners.filter((owner) => owner !== number).map((owner) => peers.get(owner)!)
  return { isOwner: owners.includes(number), others }
}

function placementOf(key: Buffer): Placement {
  return placements[crc32(key) % ports.length]!
}

function askPeers(
  of: readonly Peer[],
  kind: number,
  key: Buffer,
  value: Buffer,
  answered: (value: Buffer) => void,
): void {
  const id = nextId++ >>> 0
  let missing = of.length
  asked.set(id, (answer) => {
    missing -= 1
    if (missing === 0) asked.delete(id)
    answered(answer)
  })
  for (const peer of of) peer.send({ kind, id, key, value })
}

/** Calls `enough` at the `needed`-th call, and not again. */
function tally(needed: number, enough: () => void): () => void {
  let got = 0
  return () => {
    got += 1
    if (got === needed) enough()
  }
}

function digestOf(row: Buffer | undefined): Buffer {
  const digest = Buffer.allocUnsafe(4)
  digest.writeUInt32LE(row === undefined ? 0 : crc32(row), 0)
  return digest
}

function rowKey({ bucket, key }: { bucket: string; key: string }): Buffer {
  return Buffer.from(`${bucket}/${key}`)
}

function numbers(list: string): number[] {
  return list.split(',').map(Number)
}

async function stop(): Promise<void> {
  await app.close()
  await store.close()
  process.exit(0)
}
