/** A cluster of real processes for tests: free ports, a temporary directory, and nothing left behind. */
import { randomBytes } from 'node:crypto'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { ExecutionContext } from 'ava'
import { freePorts } from './free-ports.js'
import { TestNode } from './test-node.js'
import { until } from './until.js'

export interface ClusterWish {
  /** Default 3. */
  readonly nodes?: number
  /** Flags of every node, such as ['--engine', 'memory']. */
  readonly flags?: readonly string[]
}

interface MemberView {
  readonly name: string
  readonly status: string
  readonly liveness: string
}

export class TestCluster {
  readonly nodes: readonly TestNode[]
  /** Everything that the nodes write is below. */
  readonly directory: string

  private constructor(directory: string, nodes: readonly TestNode[]) {
    this.directory = directory
    this.nodes = nodes
  }

  /** Sets up nodes n1, n2 … without starting any. What runs is killed and removed when the test ends, however it ends. */
  static async prepare(t: ExecutionContext, wish: ClusterWish = {}): Promise<TestCluster> {
    const count = wish.nodes ?? 3
    const directory = mkdtempSync(join(tmpdir(), 'rotunda-test-'))
    const secretFile = join(directory, 'secret')
    writeFileSync(secretFile, `${randomBytes(32).toString('hex')}\n`, { mode: 0o600 })
    const ports = await freePorts(2 * count)
    const seed = `127.0.0.1:${ports[count]}`
    const nodes = Array.from({ length: count }, (_, index) => {
      const seeds = index === 0 ? [] : ['--join', seed]
      return new TestNode({
        name: `n${index + 1}`,
        port: ports[index]!,
        peerPort: ports[count + index]!,
        directory: join(directory, `n${index + 1}`),
        flags: ['--secret-file', secretFile, ...seeds, ...(wish.flags ?? [])],
      })
    })
    const cluster = new TestCluster(directory, nodes)
    t.teardown(() => cluster.#end(t))
    return cluster
  }

  /** Prepares and starts all nodes, and waits until every one is ready and sees all the others up. */
  static async start(t: ExecutionContext, wish: ClusterWish = {}): Promise<TestCluster> {
    const cluster = await TestCluster.prepare(t, wish)
    for (const node of cluster.nodes) node.launch()
    await cluster.untilWhole()
    return cluster
  }

  /** Every node is ready, and every node sees every node as a member that is up. */
  async untilWhole(timeoutMs = 30_000): Promise<void> {
    await Promise.all(this.nodes.map((node) => node.untilReady(timeoutMs)))
    for (const node of this.nodes) {
      await until(`${node.setup.name} sees all members up`, () => this.#seesAll(node), timeoutMs)
    }
  }

  async #seesAll(node: TestNode): Promise<boolean> {
    const reply = await node.request('GET', '/v1/cluster').catch(() => undefined)
    if (reply?.status !== 200) return false
    const { members } = JSON.parse(reply.body.toString()) as { members: MemberView[] }
    const up = members.filter(({ status, liveness }) => status === 'member' && /^(self|up)$/.test(liveness))
    return this.nodes.every(({ setup }) => up.some(({ name }) => name === setup.name))
  }

  async #end(t: ExecutionContext): Promise<void> {
    await Promise.all(this.nodes.map((node) => node.kill()))
    rmSync(this.directory, { recursive: true, force: true, maxRetries: 3 })
    if (t.passed) return
    for (const { setup, lines } of this.nodes)
      t.log(`${setup.name} said at the end:\n${lines.slice(-40).join('\n')}`)
  }
}
