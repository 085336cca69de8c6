/** Real processes of either system, on ports that were free a moment ago, with their data in a directory that is removed at the end. */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { closeSync, mkdirSync, openSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { processTree } from './measure/cpu.js'
import type { SystemName } from './options.js'

const NODES = 3
const READY_MS = 30_000
const POLL_MS = 25
const STOP_MS = 15_000

export interface ClusterOptions {
  readonly system: SystemName
  readonly directory: string
  readonly durability: string
  readonly nodes?: number
  /** Of `rotunda start`, for all of them. */
  readonly moreArguments?: readonly string[]
  /** Arguments for the first node's `node`. */
  readonly firstNodeArguments?: readonly string[]
  /** Every node's inspector listens, the first one's here and the others' on the ports that follow. */
  readonly firstInspectorPort?: number
}

interface NodeProcess {
  readonly process: ChildProcess
  readonly clientPort: number
  readonly logFile: string
}

interface Ports {
  readonly clientPorts: number[]
  readonly peerPorts: number[]
}

export class Cluster {
  readonly system: SystemName
  readonly #nodes: NodeProcess[]
  readonly #options: ClusterOptions
  readonly #ports: Ports
  readonly #directory: string

  private constructor(options: ClusterOptions, nodes: NodeProcess[], ports: Ports) {
    this.system = options.system
    this.#options = options
    this.#directory = options.directory
    this.#nodes = nodes
    this.#ports = ports
  }

  /** Starts the nodes; resolves when each says that it is ready and counts all of them as members. */
  static async start(options: ClusterOptions): Promise<Cluster> {
    const cluster = await Cluster.spawn(options)
    try {
      await Promise.all(cluster.#nodes.map((node) => untilReady(node, cluster)))
    } catch (error) {
      await cluster.stop()
      throw error
    }
    return cluster
  }

  /** Starts the nodes and does not wait for them. */
  static async spawn(options: ClusterOptions): Promise<Cluster> {
    mkdirSync(options.directory, { recursive: true })
    const count = options.nodes ?? NODES
    const ports = await freePorts(2 * count)
    const clientPorts = ports.slice(0, count)
    const peerPorts = ports.slice(count)
    const nodes = clientPorts.map((_, number) => spawnNode(options, number, clientPorts, peerPorts))
    return new Cluster(options, nodes, { clientPorts, peerPorts })
  }

  get clientPorts(): readonly number[] {
    return this.#nodes.map((node) => node.clientPort)
  }

  /** All processes of the cluster, launchers and what they launched. */
  get pids(): readonly number[] {
    return processTree(this.#nodes.map((node) => node.process.pid!))
  }

  /** Those of one node. */
  pidsOf(number: number): readonly number[] {
    return processTree([this.#nodes[number]!.process.pid!])
  }

  /** To all processes of one node. */
  signal(number: number, signal: NodeJS.Signals): void {
    for (const pid of this.pidsOf(number)) process.kill(pid, signal)
  }

  get size(): number {
    return this.#nodes.length
  }

  /** Stops one node cleanly; its data stays. */
  async stopNode(number: number): Promise<void> {
    await stopProcess(this.#nodes[number]!.process)
  }

  /** Starts a stopped node again, on an empty directory where `wiped`; resolves when it is ready. */
  async startNode(number: number, wiped = false): Promise<void> {
    const { clientPorts, peerPorts } = this.#ports
    if (wiped) rmSync(join(this.#directory, `n${number + 1}`), { recursive: true, force: true })
    const node = spawnNode(this.#options, number, clientPorts, peerPorts)
    this.#nodes[number] = node
    await untilReady(node, this)
  }

  /** One more node joins; it is not waited for. */
  async addNode(): Promise<void> {
    const [clientPort, peerPort] = await freePorts(2)
    const { clientPorts, peerPorts } = this.#ports
    clientPorts.push(clientPort!)
    peerPorts.push(peerPort!)
    this.#nodes.push(spawnNode(this.#options, this.size, clientPorts, peerPorts))
  }

  /** The process of the last node has ended by itself. */
  get lastHasEnded(): boolean {
    const { exitCode, signalCode } = this.#nodes.at(-1)!.process
    return exitCode !== null || signalCode !== null
  }

  /** The last node is stopped, if it still runs, and forgotten with its data. */
  async dropNode(): Promise<void> {
    const node = this.#nodes.pop()!
    this.#ports.clientPorts.pop()
    this.#ports.peerPorts.pop()
    await stopProcess(node.process)
    rmSync(join(this.#directory, `n${this.size + 1}`), { recursive: true, force: true })
  }

  /** SIGTERM, then SIGKILL for what does not go; removes the data. */
  async stop(): Promise<void> {
    await Promise.all(this.#nodes.map((node) => stopProcess(node.process)))
    rmSync(this.#directory, { recursive: true, force: true })
  }
}

function spawnNode(
  options: ClusterOptions,
  number: number,
  clientPorts: readonly number[],
  peerPorts: readonly number[],
): NodeProcess {
  const logFile = join(options.directory, `n${number + 1}.log`)
  const log = openSync(logFile, 'a')
  const { firstInspectorPort: inspector } = options
  const inspected = inspector === undefined ? [] : [`--inspect=127.0.0.1:${inspector + number}`]
  const nodeArguments = [...inspected, ...(number === 0 ? (options.firstNodeArguments ?? []) : [])]
  const command = commandOf(options, number, clientPorts, peerPorts)
  const child = spawn(process.execPath, [...nodeArguments, ...command], { stdio: ['ignore', log, log] })
  closeSync(log)
  return { process: child, clientPort: clientPorts[number]!, logFile }
}

function commandOf(
  options: ClusterOptions,
  number: number,
  clientPorts: readonly number[],
  peerPorts: readonly number[],
): string[] {
  const data = join(options.directory, `n${number + 1}`)
  switch (options.system) {
    case 'floor':
      mkdirSync(data, { recursive: true })
      return [entry('./floor/main.js'), String(number), data, clientPorts.join(','), peerPorts.join(',')]
    case 'rotunda': {
      const join = number === 0 ? [] : ['--join', `127.0.0.1:${peerPorts[0]}`]
      const listen = [
        '--listen',
        `127.0.0.1:${clientPorts[number]}`,
        '--peer-listen',
        `127.0.0.1:${peerPorts[number]}`,
      ]
      const secret = ['--secret-file', secretFile(options.directory)]
      const rest = ['--durability', options.durability, ...listen, ...join, ...secret]
      const more = options.moreArguments ?? []
      const name = ['--name', `n${number + 1}`, '--data', data]
      return [entry('../../native/rotunda.cjs'), 'start', ...name, ...rest, ...more]
    }
    default: {
      const never: never = options.system
      return never
    }
  }
}

function entry(path: string): string {
  return fileURLToPath(new URL(path, import.meta.url))
}

/** One for the cluster, so that the bench leaves nothing in anybody's home directory. */
function secretFile(directory: string): string {
  const path = join(directory, 'secret')
  writeFileSync(path, 'the-benchmark-keeps-no-secrets-0123456789abcdef\n', { mode: 0o600 })
  return path
}

async function untilReady(node: NodeProcess, cluster: Cluster): Promise<void> {
  const deadlineMs = performance.now() + READY_MS
  while (!(await isReady(node.clientPort, cluster))) {
    const ended = node.process.exitCode ?? node.process.signalCode
    if (ended !== null || performance.now() > deadlineMs) {
      const why = ended === null ? `was not ready within ${READY_MS / 1000} s` : `ended with ${ended}`
      throw new Error(
        `a node of ${cluster.system} ${why}:\n${readFileSync(node.logFile, 'utf8').slice(-2000)}`,
      )
    }
    await new Promise((resolve) => setTimeout(resolve, POLL_MS))
  }
}

async function isReady(port: number, cluster: Cluster): Promise<boolean> {
  const url = `http://127.0.0.1:${port}`
  try {
    const ready = await fetch(`${url}/health/ready`)
    await ready.arrayBuffer()
    if (!ready.ok || cluster.system === 'floor') return ready.ok
    const view = (await (await fetch(`${url}/v1/cluster`)).json()) as { members: { status: string }[] }
    return view.members.filter((member) => member.status === 'member').length === cluster.size
  } catch {
    return false
  }
}

async function stopProcess(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return
  const exited = once(child, 'exit')
  child.kill('SIGTERM')
  const force = setTimeout(() => child.kill('SIGKILL'), STOP_MS)
  await exited
  clearTimeout(force)
}

async function freePorts(count: number): Promise<number[]> {
  const servers = Array.from({ length: count }, () => createServer().listen(0, '127.0.0.1'))
  await Promise.all(servers.map((server) => once(server, 'listening')))
  const ports = servers.map((server) => (server.address() as { port: number }).port)
  await Promise.all(servers.map((server) => new Promise((resolve) => server.close(resolve))))
  return ports
}
