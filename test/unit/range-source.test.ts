/** A backup as the coordinator of its reads: what counts, who has to be there, and what happens when owners change, differ, lack rows or are away. */
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import test, { type ExecutionContext } from 'ava'
import { Members } from '../../src/cli/backup/members.js'
import { RangeSource } from '../../src/cli/backup/range-source.js'
import { digestOf, makeRowKey } from '../../src/kernel/index.js'
import { type CopiedRow, encodePage } from '../../src/wire/copied-rows.js'
import { objectOf, valuesOf } from '../model/objects.js'

const PAGE_ROWS = 3

/** Rows of some keys whose hashes begin with 00, in order. */
const KEYS: readonly Buffer[] = Array.from({ length: 4000 }, (_, index) =>
  makeRowKey(Buffer.from('b'), Buffer.from(`k${index}`)),
)
  .filter((rowKey) => rowKey[0] === 0)
  .sort(Buffer.compare)
  .slice(0, 8)
const value = (text: string, index: number): CopiedRow => ({
  rowKey: KEYS[index]!,
  object: objectOf(text.slice(0, 4), { value: text }),
})
const ROWS = KEYS.map((_, index) => value(`v${index}`, index))

interface FakeNode {
  rows: readonly CopiedRow[]
  kept: readonly CopiedRow[]
  incomplete: boolean
  /** The ring that its pages name; by default the one in force. */
  ring: string | undefined
  away: boolean
  readonly asked: string[]
}

/** Three owners of everything. What the test changes, they answer from then on. */
async function cluster(t: ExecutionContext, q = 256) {
  const world = { ring: '0'.repeat(16), owners: [0, 1, 2] }
  const log: string[] = []
  const fresh = (): FakeNode => ({
    rows: ROWS,
    kept: [],
    incomplete: false,
    ring: undefined,
    away: false,
    asked: [],
  })
  const nodes = [fresh(), fresh(), fresh()]
  const servers: Server[] = []
  const ids = nodes.map((_, index) => String(index).repeat(32))
  const members = () =>
    servers.map((server, index) => ({
      id: ids[index],
      name: `n${index + 1}`,
      address: `127.0.0.1:${(server.address() as AddressInfo).port}`,
      status: 'member',
    }))
  const json = (path: string, index: number): unknown =>
    path === '/v1/cluster'
      ? { clusterId: 'c'.repeat(32), self: ids[index], n: 3, q, ringDigest: world.ring, members: members() }
      : {
          q,
          ringDigest: world.ring,
          members: ids.map((id) => ({ id })),
          partitions: Array.from({ length: q }, () => world.owners),
        }
  for (const [index, node] of nodes.entries()) {
    const server = createServer((request, response) => {
      const { pathname, searchParams } = new URL(request.url!, 'http://node')
      if (node.away) {
        request.socket.destroy()
        return
      }
      if (pathname !== '/v1/cluster/backup') {
        response
          .writeHead(200, { 'Content-Type': 'application/json' })
          .end(JSON.stringify(json(pathname, index)))
        return
      }
      const [of, from, to] = ['of', 'from', 'to'].map((name) => searchParams.get(name))
      node.asked.push(of!)
      log.push(`${of} ${index}`)
      const end = to === null ? undefined : Buffer.from(to!, 'hex')
      const all = (of === 'kept' ? node.kept : node.rows).filter(
        ({ rowKey }) =>
          Buffer.compare(rowKey, Buffer.from(from!, 'hex')) >= 0 &&
          (end === undefined || Buffer.compare(rowKey, end) < 0),
      )
      const rows = all.slice(0, PAGE_ROWS)
      const next = all.length > PAGE_ROWS ? all[PAGE_ROWS]!.rowKey : new Uint8Array(0)
      const shown = rows.map(({ rowKey, object }) => ({
        rowKey,
        object: of === 'digests' ? digestOf(object) : object,
      }))
      const digests = of === 'digests'
      const { incomplete, ring = world.ring } = node
      response.writeHead(200).end(encodePage({ incomplete, ring, next, digests, rows: shown }))
    })
    servers.push(server)
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    t.teardown(() => server.close())
  }
  const found = await Members.find(new URL(`http://${members()[0]!.address}`))
  t.teardown(() => found.close())
  const source = new RangeSource(found, await found.ring())
  const read = async (): Promise<CopiedRow[]> => {
    const rows: CopiedRow[] = []
    for await (const some of source.read(0)) rows.push(...some)
    return rows
  }
  return { world, nodes: nodes as [FakeNode, FakeNode, FakeNode], log, source, read }
}

const shown = (rows: readonly CopiedRow[]) =>
  rows.map(({ rowKey, object }) => [KEYS.findIndex((key) => key.equals(rowKey)), valuesOf(object)])
const plain = ROWS.map((_, index) => [index, [`v${index}`]])

test('owners that hold the same are asked for their rows once, over as many pages as it takes', async (t) => {
  for (const q of [1, 256, 65_536]) {
    const { nodes, source, read } = await cluster(t, q)
    t.deepEqual(shown(await read()), plain, `${q} partitions`)
    t.deepEqual([...source.absent], [])
    if (q < 65_536) {
      const asked = nodes.flatMap((node) => node.asked)
      t.is(asked.filter((of) => of === 'rows').length, 3)
    }
  }
})

test('what only one owner holds is in it, and so is what another one has besides', async (t) => {
  const { nodes, read } = await cluster(t)
  nodes[0].rows = ROWS.slice(0, 6)
  nodes[1].rows = [...ROWS.slice(0, 2), value('newer', 2), ...ROWS.slice(3)]
  nodes[2].rows = ROWS.slice(4)
  const rows = shown(await read())
  t.deepEqual(
    rows.map(([index]) => index),
    [0, 1, 2, 3, 4, 5, 6, 7],
  )
  t.deepEqual(rows[2], [2, ['newer', 'v2']])
})

test('what is kept for owners that are away is in it, and is asked for before any owner', async (t) => {
  const { nodes, log, read } = await cluster(t)
  for (const node of nodes) node.rows = ROWS.slice(0, 7)
  nodes[2].kept = [value('kept', 1), ROWS[7]!]
  const rows = shown(await read())
  t.deepEqual(rows[1], [1, ['kept', 'v1']])
  t.deepEqual(rows[7], [7, ['v7']])
  const lastKept = log.slice(0, 4).findLastIndex((line) => line.startsWith('kept'))
  t.is(lastKept, 2)
  t.true(log[3]!.startsWith('rows'))
})

test('more is kept than fits a page: the rest is not forgotten', async (t) => {
  const { nodes, read } = await cluster(t)
  for (const node of nodes) node.rows = []
  nodes[1].kept = ROWS
  t.deepEqual(shown(await read()), plain)
})

test('one owner that is away or lacks rows may be done without; it is named, and two may not', async (t) => {
  const { nodes, source, read } = await cluster(t)
  nodes[1].away = true
  t.deepEqual(shown(await read()), plain)
  t.deepEqual([...source.absent], ['n2'])

  const lacking = await cluster(t)
  lacking.nodes[0].incomplete = true
  lacking.nodes[0].rows = ROWS.slice(3, 4)
  t.deepEqual(shown(await lacking.read()), plain)
})

test('the node that was named may go meanwhile: others know the ring as well', async (t) => {
  const { world, nodes, source, read } = await cluster(t)
  world.ring = '3'.repeat(16)
  nodes[0].away = true
  t.deepEqual(shown(await read()), plain)
  t.deepEqual([...source.absent], ['n1'])
})

test('with fewer complete owners than a quorum it waits until there are enough', async (t) => {
  const { nodes, read } = await cluster(t)
  for (const node of nodes.slice(0, 2)) node.incomplete = true
  const reading = read()
  await new Promise((resolve) => setTimeout(resolve, 1_500))
  nodes[0].incomplete = false
  t.deepEqual(shown(await reading), plain)
})

test('pages of another ring do not count: the owners are those of the ring that all have', async (t) => {
  const { world, nodes, read } = await cluster(t)
  world.ring = '1'.repeat(16)
  nodes[0].ring = '0'.repeat(16)
  const reading = read()
  await new Promise((resolve) => setTimeout(resolve, 700))
  nodes[0].ring = undefined
  nodes[0].rows = [...ROWS.slice(0, 1), value('late', 1), ...ROWS.slice(2)]
  t.deepEqual(shown(await reading)[1], [1, ['late', 'v1']])
})

test('owners that are not read are not waited for: a list of two needs both', async (t) => {
  const { world, nodes, source, read } = await cluster(t)
  world.owners = [0, 1]
  world.ring = '2'.repeat(16)
  nodes[2].rows = []
  t.deepEqual(shown(await read()), plain)
  t.deepEqual([...source.absent], [])
  t.true(nodes[2].asked.every((of) => of === 'kept'))
})
