/** A move under the rate that an operator has set: it takes as long as it must, and ends. */
import { Agent } from 'node:http'
import test from 'ava'
import { TestCluster } from './cluster.js'
import { http, kv } from './http.js'
import type { TestNode } from './test-node.js'
import { until } from './until.js'

const RATE = 1024 * 1024
const KEYS = 800
const VALUE = Buffer.alloc(20_000, 'x')
const LONGEST_MS = 240_000

interface Cluster {
  readonly transfers: number
  readonly members: readonly { readonly status: string }[]
  readonly move: null | {
    readonly bytesSent: number
    readonly bytesMoving: number | null
    readonly bytesArrived: number
  }
}

async function fill({ url }: TestNode): Promise<void> {
  const agent = new Agent({ keepAlive: true, maxSockets: 8 })
  let next = 0
  const writer = async () => {
    while (next < KEYS) {
      const { status } = await http('PUT', kv(url, 'b', `k${next++}`), { body: VALUE, agent })
      if (status !== 204) throw new Error(`a put was answered with ${status}`)
    }
  }
  await Promise.all(Array.from({ length: 8 }, writer))
  agent.destroy()
}

test.serial(
  'half of the only copies go to a new member, no faster than allowed, and all of them',
  async (t) => {
    t.timeout(LONGEST_MS + 120_000, 'machines under test may be slow')
    const flags = ['--transfer-rate', '1MiB', '--transfers', '1']
    const { nodes } = await TestCluster.prepare(t, { nodes: 2, flags })
    const [n1, n2] = nodes as [TestNode, TestNode]
    n1.launch('--n', '1')
    await n1.untilReady()
    await fill(n1)
    t.is(await n1.metric('transfer_bytes_sent_total'), 0, 'what clients write is no move')

    const beganMs = performance.now()
    n2.launch()
    await n2.untilReady(LONGEST_MS)
    const seen = { all: 0, sent: 0, arrived: 0 }
    const isDone = async () => {
      const [one, two] = await Promise.all([n1.json<Cluster>('/v1/cluster'), n2.json<Cluster>('/v1/cluster')])
      seen.all = Math.max(seen.all, one.move?.bytesMoving ?? 0)
      seen.sent = Math.max(seen.sent, one.move?.bytesSent ?? 0)
      seen.arrived = Math.max(seen.arrived, two.move?.bytesArrived ?? 0)
      const isMember = two.members.length === 2 && two.members.every(({ status }) => status === 'member')
      return isMember && one.transfers === 0 && two.transfers === 0
    }
    await until('nothing moves any more', isDone, LONGEST_MS)
    const seconds = (performance.now() - beganMs) / 1_000

    const sent = await n1.metric('transfer_bytes_sent_total')
    const moved = (KEYS / 2) * VALUE.length
    t.true(sent > 0.75 * moved, `about half of the rows, by chance: ${sent}`)
    t.true(seconds >= sent / RATE - 0.5, `${sent} bytes in ${seconds} s`)
    t.true(seen.all > 0.75 * moved && seen.all < 1.5 * moved, `they were reckoned to be ${seen.all} bytes`)
    t.true(seen.sent > 0 && seen.arrived > 0 && seen.arrived <= sent, 'and were seen on their way')
    for (const node of [n1, n2])
      for (let i = 0; i < KEYS; i += 7)
        t.is((await http('GET', kv(node.url, 'b', `k${i}`))).body.length, VALUE.length, `k${i}`)
  },
)
