import { randomInt } from 'node:crypto'
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { isPortFree } from '../../src/cli/ports.js'

/** Below those that systems give to outgoing connections: a node that is killed must find its port free again. */
const FIRST_PORT = 12_000
const BLOCK_PORTS = 1_000
const BLOCKS = 20
/** `rotunda dev` takes the ports after the one that it is given, too. */
const APART = 10

const given = new Set<number>()
let ownFirst: number | undefined

/**
 * Ports that nobody listens on, none twice, and from a block that no other test process has: while a node of theirs is down its port is
 * free for a moment, and must not be taken.
 */
export async function freePorts(count: number): Promise<number[]> {
  ownFirst ??= ownBlock()
  const found: number[] = []
  while (found.length < count) {
    const port = randomInt(ownFirst, ownFirst + BLOCK_PORTS - APART)
    const isNear = [...given].some((other) => Math.abs(other - port) < APART)
    const isTaken = given.has(port) || (isNear && given.size < BLOCK_PORTS / APART / 4)
    if (isTaken || !(await isPortFree('127.0.0.1', port))) continue
    given.add(port)
    found.push(port)
  }
  return found
}

function ownBlock(): number {
  for (let block = 0; block < BLOCKS; block++) {
    if (claim(join(tmpdir(), `rotunda-test-ports-${block}`))) return FIRST_PORT + block * BLOCK_PORTS
  }
  return FIRST_PORT + BLOCK_PORTS * randomInt(BLOCKS)
}

/** Whether the block is this process's from now on: nobody has it, or one that has ended. */
function claim(folder: string): boolean {
  const owner = join(folder, 'pid')
  try {
    mkdirSync(folder)
  } catch {
    if (isAlive(owner)) return false
  }
  writeFileSync(owner, String(process.pid))
  process.once('exit', () => rmSync(folder, { recursive: true, force: true }))
  return true
}

function isAlive(owner: string): boolean {
  try {
    return process.kill(Number(readFileSync(owner, 'latin1')), 0)
  } catch (error) {
    // Just made, and not written yet: somebody's. Not ours to signal: alive.
    return (error as NodeJS.ErrnoException).code !== 'ESRCH'
  }
}
