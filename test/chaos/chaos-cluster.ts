/** The nodes of a run, the wires between them, and what they have in common. */
import { randomBytes } from 'node:crypto'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { freePorts } from '../cluster/free-ports.js'
import { until } from '../cluster/until.js'
import { ChaosNode } from './chaos-node.js'
import type { Machine } from './probe.js'
import { Wires } from './wires.js'

export const BUCKET = 'chaos'
/** The default of a cluster with at least three nodes. */
const COPIES = 3
/** Room below which nodes refuse rows; small, so that the disks can be. */
const FLOOR = '16MiB'
const START_MS = 120_000

export interface ClusterWish {
  readonly nodes: number
  readonly canary: string | undefined
}

interface ClusterView {
  readonly n: number
  readonly pendingHints: number
  readonly ringDigest: string
  readonly members: readonly {
    readonly name: string
    readonly status: string
    readonly liveness: string
    readonly incomplete: boolean
  }[]
}

export class ChaosCluster {
  readonly nodes: readonly ChaosNode[]
  readonly wires: Wires
  /** Copies of a key. */
  readonly n: number

  private constructor(nodes: readonly ChaosNode[], wires: Wires) {
    this.nodes = nodes
    this.wires = wires
    this.n = Math.min(COPIES, nodes.length)
  }

  /** Makes disks, proxies and nodes n1, n2 …, starts them and waits until all see all. */
  static async start(
    runDirectory: string,
    machine: Machine,
    { nodes: count, canary }: ClusterWish,
  ): Promise<ChaosCluster> {
    const ports = await freePorts(3 * count)
    const proxyOf = (index: number) => `127.0.0.1:${ports[2 * count + index]}`
    const secretFile = join(runDirectory, 'secret')
    writeFileSync(secretFile, `${randomBytes(32).toString('hex')}\n`, { mode: 0o600 })
    const common = [
      '--secret-file',
      secretFile,
      '--engine',
      'rocksdb',
      '--free-space-floor',
      FLOOR,
      '--cache-bytes',
      '16MiB',
      '--await-members',
      `${count}`,
    ]
    const nodes = Array.from({ length: count }, (_, index) => {
      const seeds = index === 0 ? [] : ['--join', proxyOf(0)]
      return new ChaosNode({
        name: `n${index + 1}`,
        port: ports[index] as number,
        peerPort: ports[count + index] as number,
        flags: ['--peer-advertise', proxyOf(index), ...seeds, ...common],
        runDirectory,
        machine,
        canary,
      })
    })
    const wires = new Wires()
    const cluster = new ChaosCluster(nodes, wires)
    const addresses = new Map(nodes.map(({ name }, index) => [proxyOf(index), name]))
    try {
      for (const [index, { name, disk }] of nodes.entries()) {
        await disk.prepare()
        const proxyPort = ports[2 * count + index] as number
        await wires.serve(name, proxyPort, ports[count + index] as number, addresses)
      }
      for (const node of nodes) node.launch()
      await cluster.untilWhole(START_MS)
    } catch (error) {
      await cluster.end()
      throw error
    }
    return cluster
  }

  /** Every node is ready, complete, and sees every node up. Throws with what is missing. */
  async untilWhole(timeoutMs: number): Promise<void> {
    for (const { name, process } of this.nodes) {
      await process.untilReady(timeoutMs)
      await until(`${name} sees all members up and complete`, () => this.#seesAll(name), timeoutMs)
    }
  }

  /** What a node says of the cluster; undefined when it does not answer. */
  async view(name: string): Promise<ClusterView | undefined> {
    const node = this.nodes.find((candidate) => candidate.name === name)
    return node?.process.json<ClusterView>('/v1/cluster').catch(() => undefined)
  }

  /** All that was started is killed, all that was mounted left. */
  async end(): Promise<void> {
    this.wires.close()
    for (const node of this.nodes) {
      await node.leaveAlone()
      await node.kill()
      await node.disk.end().catch(() => {})
    }
  }

  async #seesAll(name: string): Promise<boolean> {
    const members = (await this.view(name))?.members ?? []
    const well = members.filter(
      ({ status, liveness, incomplete }) =>
        status === 'member' && /^(self|up)$/.test(liveness) && !incomplete,
    )
    return this.nodes.every((node) => well.some((member) => member.name === node.name))
  }
}
