/** Clusters of several builds: rolling upgrades and back, and those that have no version in common with the others. */
import { join } from 'node:path'
import test from 'ava'
import { BUILD_VARIABLE } from './builds.js'
import { TestCluster } from './cluster.js'
import { http, kv } from './http.js'
import { rotunda } from './run.js'
import { TestNode } from './test-node.js'
import { until } from './until.js'

interface Cluster {
  readonly versions: { readonly wire: number; readonly storage: number }
  readonly refused: readonly { readonly name: string; readonly why: string; readonly reason: string }[]
  readonly members: readonly { readonly name: string; readonly speaks: { readonly wire: number[] } }[]
}

const PLANTER = new URL('./plant-build.js', import.meta.url).href

/** The same node with another build's code; none: this one's. */
function as(node: TestNode, build?: string): TestNode {
  const env = build === undefined ? {} : { NODE_OPTIONS: `--import=${PLANTER}`, [BUILD_VARIABLE]: build }
  return new TestNode({ ...node.setup, env })
}

/** The nodes of a cluster, each with a build that can be exchanged. */
class MixedCluster {
  readonly nodes: TestNode[]
  /** Not to be asked: it is being exchanged. */
  busy = -1
  /** Requests under way by node. */
  readonly asked = new Map<number, number>()

  constructor(cluster: TestCluster, build?: string) {
    this.nodes = cluster.nodes.map((node) => as(node, build))
  }

  async start(): Promise<void> {
    for (const node of this.nodes) node.launch()
    await this.untilWhole()
  }

  /** Stops a node and starts it with another build; waits until all is well again. */
  async exchange(index: number, build?: string): Promise<void> {
    this.busy = index
    await this.untilUnasked(index)
    await this.nodes[index]!.stop()
    this.nodes[index] = as(this.nodes[index]!, build)
    this.nodes[index]!.launch()
    await this.untilWhole()
    this.busy = -1
  }

  /** What was asked of a node before it was marked as busy is answered: as a load balancer takes one out. */
  async untilUnasked(index: number): Promise<void> {
    await until(`nobody asks ${this.nodes[index]!.setup.name}`, () => (this.asked.get(index) ?? 0) === 0)
  }

  async untilWhole(): Promise<void> {
    for (const node of this.nodes) {
      await node.untilReady()
      await until(`${node.setup.name} sees all members up`, async () => {
        const { members } = await node.json<{ members: { liveness: string }[] }>('/v1/cluster')
        return members.length === this.nodes.length && members.every((one) => /self|up/.test(one.liveness))
      })
    }
  }

  /** Waits until every node says that all use these. */
  async untilInUse(wire: number, storage: number): Promise<void> {
    for (const node of this.nodes)
      await until(`${node.setup.name} uses wire ${wire} and storage ${storage}`, async () => {
        const { versions } = await node.json<Cluster>('/v1/cluster')
        return versions.wire === wire && versions.storage === storage
      })
  }

  async end(): Promise<void> {
    await Promise.all(this.nodes.map((node) => node.kill()))
  }
}

/** Writes and reads through the nodes that are not being exchanged, until told to stop; what failed. */
function load(mixed: MixedCluster) {
  const failures: string[] = []
  let going = true
  let done = 0
  const ask = async (method: string, wanted: number, key: string, turn: number): Promise<void> => {
    const idle = [0, 1, 2].filter((index) => index !== mixed.busy)
    const index = idle[turn % idle.length]!
    const { url, setup } = mixed.nodes[index]!
    mixed.asked.set(index, (mixed.asked.get(index) ?? 0) + 1)
    const body = method === 'PUT' ? { body: `value of ${key}` } : {}
    const answer = await http(method, kv(url, 'upgrade', key), body).catch((error: Error) => error)
    mixed.asked.set(index, mixed.asked.get(index)! - 1)
    const status = answer instanceof Error ? answer.message : answer.status
    if (status === wanted) done++
    else failures.push(`${method} through ${setup.name}: ${status}`)
  }
  const client = async (number: number): Promise<void> => {
    for (let count = 0; going; count++) {
      const key = `${number}-${count}`
      await ask('PUT', 204, key, count)
      await ask('GET', 200, key, count + 1)
    }
  }
  const clients = [1, 2, 3].map(client)
  return {
    get done() {
      return done
    },
    async stop(): Promise<readonly string[]> {
      going = false
      await Promise.all(clients)
      return failures
    },
  }
}

test.serial(
  'a rolling upgrade under load, and back: no request fails, and the wire version follows',
  async (t) => {
    const prepared = await TestCluster.prepare(t)
    const mixed = new MixedCluster(prepared, 'old')
    t.teardown(() => mixed.end())
    await mixed.start()
    await mixed.untilInUse(1, 1)
    const running = load(mixed)
    for (const index of [0, 1, 2]) {
      await mixed.untilInUse(1, 1)
      await mixed.exchange(index)
    }
    await mixed.untilInUse(2, 1)
    const between = running.done
    await until('requests go on with wire version 2', () => running.done > between + 100)
    for (const index of [0, 1, 2]) {
      await mixed.exchange(index, 'old')
      await mixed.untilInUse(1, 1)
    }
    t.deepEqual(await running.stop(), [])
    t.true(running.done > 300)
    for (const node of mixed.nodes)
      t.deepEqual(
        node.lines.filter((line) => /bad-frame|"bug"/.test(line)),
        [],
      )
  },
)

test.serial(
  'a build that has no version in common is refused: exit, logs of both sides, status',
  async (t) => {
    const cluster = await TestCluster.start(t)
    const [n1, n2, n3] = cluster.nodes as [TestNode, TestNode, TestNode]
    const sentence =
      /n4 \(Rotunda [^ ]+\) speaks wire version 7 to 8 and n1 \(Rotunda [^ ]+\) 1 to 2: n4 is too new for n1/
    const n4 = as(
      new TestNode({
        ...{ name: 'n4', port: n3.setup.port, peerPort: n3.setup.peerPort },
        directory: join(cluster.directory, 'n4'),
        flags: n2.setup.flags,
      }),
      'alien',
    )
    // In the place of n3, whose ports it has.
    await n3.stop()
    n4.launch()
    t.teardown(() => n4.kill())
    t.deepEqual(await n4.ended(), { code: 1, signal: null })
    t.true(n4.lines.some((line) => line.startsWith('rotunda: ') && sentence.test(line)))
    const backwards =
      /n1 \(Rotunda [^ ]+\) speaks wire version 1 to 2 and n4 \(Rotunda [^ ]+\) 7 to 8: n1 is too old for n4/
    t.true(n1.lines.some((line) => line.includes('"peer-refused"') && backwards.test(line)))
    t.like((await n1.json<Cluster>('/v1/cluster')).refused, [{ name: 'n4', why: 'no-common-version' }])
    t.regex(
      (await rotunda(['status', '--url', n1.url])).stdout.toString(),
      /^refused: n1 .* too old for n4$/m,
    )

    // A member with its data: most of the others refuse it, so it is the one that goes.
    const alien = as(n3, 'alien')
    alien.launch()
    t.teardown(() => alien.kill())
    t.deepEqual(await alien.ended(), { code: 1, signal: null })
    t.true(alien.lines.some((line) => /^rotunda: .*no version in common.*n3 is too new for n[12]/.test(line)))
    n3.launch()
    await cluster.untilWhole()
    t.is((await n1.json<Cluster>('/v1/cluster')).members.length, 3)
  },
)

test.serial(
  'a storage version is used when every member has recorded it, and from then on needs its builds',
  async (t) => {
    const prepared = await TestCluster.prepare(t)
    const mixed = new MixedCluster(prepared)
    t.teardown(() => mixed.end())
    await mixed.start()
    await mixed.exchange(0, 'next')
    await mixed.exchange(1, 'next')
    await mixed.untilInUse(2, 1)
    // While one member cannot read it there is a way back.
    await mixed.exchange(1)
    await mixed.untilInUse(2, 1)
    await mixed.exchange(1, 'next')
    await mixed.exchange(2, 'next')
    await mixed.untilInUse(2, 2)

    await mixed.nodes[2]!.stop()
    const back = as(mixed.nodes[2]!)
    back.launch()
    t.teardown(() => back.kill())
    t.deepEqual(await back.ended(), { code: 1, signal: null })
    t.true(
      back.lines.some((line) =>
        /^rotunda: This data directory is of storage version 2, and this build \(Rotunda .*\) reads 1\. It is left untouched/.test(
          line,
        ),
      ),
    )
    const { setup } = mixed.nodes[1]!
    const { port, peerPort } = back.setup
    const newcomer = new TestNode({
      ...{ ...setup, env: {}, name: 'n4', port, peerPort },
      directory: join(prepared.directory, 'n4'),
    })
    newcomer.launch()
    t.teardown(() => newcomer.kill())
    t.deepEqual(await newcomer.ended(), { code: 1, signal: null })
    t.true(
      newcomer.lines.some((line) =>
        /^rotunda: .*n4 .* storage version 1 and n1 .* 2: n4 is too old for n1/.test(line),
      ),
    )
    mixed.nodes[2]!.launch()
    await mixed.untilWhole()
    await mixed.untilInUse(2, 2)
  },
)
