/** Where the nodes of a development cluster live: names, ports, directories. The same directory gives the same plan again. */
import { readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { Fault } from '../ask.js'
import { isPortFree } from '../ports.js'

export const HOST = '127.0.0.1'
/** How far above a node's port for clients its port for the other nodes is, if that one is free. */
const PEER_PORT_DISTANCE = 100

export interface NodePlan {
  readonly name: string
  readonly port: number
  readonly peerPort: number
  readonly directory: string
  /** Its directory was there before. */
  readonly hasHistory: boolean
}

export interface Wish {
  readonly root: string
  readonly nodes: number
  readonly firstPort: number
}

/** Throws Fault where a port for clients is taken: those are promised. Ports between nodes are chosen anew where taken. */
export async function planNodes({ root, nodes, firstPort }: Wish): Promise<NodePlan[]> {
  const remembered = readPeerPorts(root)
  const taken = new Set(Array.from({ length: nodes }, (_, index) => firstPort + index))
  const plans: NodePlan[] = []
  for (let index = 0; index < nodes; index++) {
    const name = `n${index + 1}`
    const port = firstPort + index
    if (!(await isPortFree(HOST, port))) {
      throw new Fault(`port ${port} of ${HOST}, for ${name}, is taken: choose others with --port`)
    }
    const peerPort = await choosePeerPort(remembered[index] ?? port + PEER_PORT_DISTANCE, taken)
    taken.add(peerPort)
    const directory = join(root, name)
    plans.push({ name, port, peerPort, directory, hasHistory: exists(directory) })
  }
  writePeerPorts(root, plans)
  return plans
}

/** The wished port or the next free one above it. */
async function choosePeerPort(wished: number, taken: ReadonlySet<number>): Promise<number> {
  for (let port = wished; port <= 65_535; port++) {
    if (!taken.has(port) && (await isPortFree(HOST, port))) return port
  }
  throw new Fault(`no port above ${wished} of ${HOST} is free for the nodes among themselves`)
}

/** Nodes of an earlier run with more of them: members still, and down now. */
export function leftOut(root: string, nodes: number): string[] {
  const names: string[] = []
  for (let index = nodes; exists(join(root, `n${index + 1}`)); index++) names.push(`n${index + 1}`)
  return names
}

function exists(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false }) !== undefined
}

/** A cluster whose nodes all came back at other addresses at once could not find itself again. */
const MEMORY = 'dev.json'

function readPeerPorts(root: string): readonly number[] {
  try {
    const { peerPorts } = JSON.parse(readFileSync(join(root, MEMORY), 'utf8')) as { peerPorts: unknown }
    return Array.isArray(peerPorts) ? peerPorts.filter(isPort) : []
  } catch {
    return []
  }
}

function isPort(value: unknown): value is number {
  return Number.isInteger(value) && (value as number) > 0 && (value as number) <= 65_535
}

function writePeerPorts(root: string, plans: readonly NodePlan[]): void {
  const content = { version: 1, peerPorts: plans.map(({ peerPort }) => peerPort) }
  writeFileSync(join(root, MEMORY), `${JSON.stringify(content)}\n`, { mode: 0o600 })
}
