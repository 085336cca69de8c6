import { randomInt } from 'node:crypto'
import { createServer } from 'node:net'
import { isPortFree } from '../../src/cli/ports.js'

/** Below those that systems give to outgoing connections: a node that is killed must find its port free again. */
const FIRST_PORT = 12_000
const BLOCK_PORTS = 1_000
const BLOCKS = 20
/** `rotunda dev` takes the ports after the one that it is given, too. */
const APART = 10

const given = new Set<number>()
let ownFirst: Promise<number> | undefined

/**
 * Ports that nobody listens on, none twice, and from a block that no other test process has: while a node of theirs is down its port is
 * free for a moment, and must not be taken.
 */
export async function freePorts(count: number): Promise<number[]> {
  ownFirst ??= ownBlock()
  const first = await ownFirst
  const found: number[] = []
  while (found.length < count) {
    const port = randomInt(first, first + BLOCK_PORTS - 2 * APART)
    const isNear = [...given].some((other) => Math.abs(other - port) < APART)
    const isTaken = given.has(port) || (isNear && given.size < BLOCK_PORTS / APART / 4)
    if (isTaken) continue
    // Before anything is waited for: another test of this process is looking too.
    given.add(port)
    if (await isPortFree('127.0.0.1', port)) found.push(port)
  }
  return found
}

/** The first port of a block that is this process's as long as it lives: it listens on the block's last port. */
async function ownBlock(): Promise<number> {
  for (let block = 0; block < BLOCKS; block++) {
    const first = FIRST_PORT + block * BLOCK_PORTS
    if (await hold(first + BLOCK_PORTS - 1)) return first
  }
  return FIRST_PORT + BLOCK_PORTS * randomInt(BLOCKS)
}

function hold(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer((socket) => socket.destroy())
    server.once('error', () => resolve(false))
    server.listen(port, '127.0.0.1', () => resolve(true)).unref()
  })
}
