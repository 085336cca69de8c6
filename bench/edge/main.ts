/**
 * What the HTTP edge alone costs: µs of processor time for a put or a get (of a key that is not there), over a database that does nothing.
 *
 *   node dist/bench/edge/main.js [put|get] [ROOT …]     of this build, or of the builds in these checkouts, in turns
 */
import { type ChildProcess, spawn } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { Generator } from '../load/generator.js'
import { writeGet, writePut } from '../load/requests.js'
import type { Answer } from '../load/response.js'
import { Values } from '../load/values.js'
import type { Turn, Workload } from '../load/workload.js'
import { cpuTime } from '../measure/cpu.js'

const ROUNDS = 5
const WINDOW_MS = 3000
const CONNECTIONS = 32
const KEYS = 1000

class Puts implements Workload {
  readonly #values = new Values(1024)
  readonly #contexts = new Map<Turn, string[]>()

  next(turn: Turn): number {
    const contexts = this.#contexts.get(turn) ?? []
    this.#contexts.set(turn, contexts)
    turn.key = turn.random.below(KEYS)
    const written = { bucket: 'bench', key: turn.key, version: ++turn.version }
    return writePut(turn.out, turn.host, { ...written, context: contexts[turn.key] ?? '' }, this.#values)
  }

  check(turn: Turn, answer: Answer): string | undefined {
    this.#contexts.get(turn)![turn.key] = answer.context
    return answer.status === 204 ? undefined : `put: ${answer.status} ${answer.body}`
  }
}

class Gets implements Workload {
  next(turn: Turn): number {
    return writeGet(turn.out, turn.host, 'bench', turn.random.below(KEYS))
  }

  check(_turn: Turn, answer: Answer): string | undefined {
    return answer.status === 404 ? undefined : `get: ${answer.status}`
  }
}

interface Server {
  readonly root: string
  readonly child: ChildProcess
  readonly generator: Generator
  readonly workload: Workload
  readonly costsUs: number[]
}

async function start(root: string, operation: string): Promise<Server> {
  const script = fileURLToPath(new URL('server.js', import.meta.url))
  const child = spawn(process.execPath, [script, root], { stdio: ['pipe', 'pipe', 'inherit'] })
  const port = await new Promise<number>((resolve) => {
    child.stdout.once('data', (text: Buffer) => resolve(Number(text)))
  })
  const generator = await Generator.open([port], CONNECTIONS, 1024)
  return { root, child, generator, workload: operation === 'get' ? new Gets() : new Puts(), costsUs: [] }
}

async function measure({ child, generator, workload, costsUs }: Server): Promise<void> {
  const total = (): number => cpuTime([child.pid!]).totalUs
  let usedUs = 0
  const { operations, faults, firstFault } = await generator.runWindow(workload, {
    warmupMs: 500,
    warmupOperations: costsUs.length === 0 ? 30_000 : 0,
    measureMs: WINDOW_MS,
    onStart: () => {
      usedUs -= total()
    },
    onEnd: () => {
      usedUs += total()
    },
  })
  if (faults > 0) throw new Error(firstFault)
  costsUs.push(usedUs / operations)
}

const [operation = 'put', ...others] = process.argv.slice(2)
const roots = others.length > 0 ? others : [fileURLToPath(new URL('../../..', import.meta.url))]
const servers = await Promise.all(roots.map((root) => start(root, operation)))
for (let round = 0; round < ROUNDS; round++) for (const server of servers) await measure(server)
for (const { root, child, generator, costsUs } of servers) {
  const texts = costsUs.map((cost) => cost.toFixed(1))
  const median = costsUs.sort((a, b) => a - b)[ROUNDS >> 1]!
  process.stdout.write(`${operation} ${median.toFixed(1)} µs  (${texts.join(' ')})  ${root}\n`)
  generator.close()
  child.kill()
}
