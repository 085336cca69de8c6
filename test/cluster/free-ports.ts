import { randomInt } from 'node:crypto'
import { isPortFree } from '../../src/cli/ports.js'

/**
 * Ports that nobody listens on, below those that systems give to outgoing connections: a node that is killed must find its port
 * free again.
 */
export async function freePorts(count: number): Promise<number[]> {
  const found = new Set<number>()
  while (found.size < count) {
    const port = randomInt(12_000, 32_000)
    if (!found.has(port) && (await isPortFree('127.0.0.1', port))) found.add(port)
  }
  return [...found]
}
