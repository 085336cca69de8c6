/**
 * Keeps the nodes of a development cluster running. A node that ends while the cluster first comes up ends the attempt: its
 * own line says why. Later, a node that dies is started again after a moment, long enough to see that the others go on; one
 * that dies again and again at once is left alone.
 */
import { readableLine } from '../../io/readable-line.js'
import { Fault } from '../ask.js'
import { type LogLine, NodeProcess } from './node-process.js'
import { HOST, type NodePlan } from './plan.js'

/** Time to try a write or two without the node. */
const COMES_BACK_MS = 5_000
/** A node that lived at least this long did not die of its own start. */
const LIVED_MS = 10_000
const MOST_QUICK_DEATHS = 3

export interface Supervised {
  readonly plans: readonly NodePlan[]
  readonly flags: (plan: NodePlan) => readonly string[]
  /** The least level of the nodes' log lines that is shown. */
  readonly level: string
  readonly say: (line: string) => void
}

const LEVELS = ['debug', 'info', 'warn', 'error']

export class Supervisor {
  readonly #options: Supervised
  readonly #nodes = new Map<string, NodeProcess>()
  readonly #quickDeaths = new Map<string, number>()
  /** Names of nodes that are not up to serve, as far as they have said. */
  readonly #away = new Set<string>()
  readonly #comebacks = new Set<NodeJS.Timeout>()
  #phase: 'starting' | 'running' | 'stopping' = 'starting'
  /** Called when a node ends while the cluster comes up. */
  onFailedStart: (fault: Fault) => void = () => {}

  constructor(options: Supervised) {
    this.#options = options
  }

  /** Starts all nodes; `running()` tells when they are up. */
  start(): void {
    for (const plan of this.#options.plans) this.#launch(plan)
  }

  running(): void {
    this.#phase = 'running'
  }

  pid(plan: NodePlan): number | undefined {
    return this.#nodes.get(plan.name)?.pid
  }

  async stop(): Promise<void> {
    this.#phase = 'stopping'
    for (const timer of this.#comebacks) clearTimeout(timer)
    const stops = [...this.#nodes].map(async ([name, node]) => {
      if (!(await node.stop())) this.#options.say(`${name} did not stop in time and was killed.`)
    })
    await Promise.all(stops)
  }

  kill(): void {
    this.#phase = 'stopping'
    for (const node of this.#nodes.values()) node.kill()
  }

  #launch(plan: NodePlan): void {
    const { name } = plan
    const node = new NodeProcess(this.#options.flags(plan), {
      logged: (line) => this.#logged(plan, line),
      said: (line) => this.#options.say(`${name}: ${line}`),
      ended: (how, code) => this.#ended(plan, node, how, code),
    })
    this.#nodes.set(name, node)
    this.#away.add(name)
  }

  #logged(plan: NodePlan, { level, event, text }: LogLine): void {
    if (event === 'ready') {
      this.#away.delete(plan.name)
      if (this.#phase === 'running') this.#cameBack(plan)
    }
    // Nodes look in vain for one that we know to be away. Telling that too would only worry.
    const knownAnyway = event === 'dial-failed' && this.#away.size > 0
    if (!knownAnyway && LEVELS.indexOf(level) >= LEVELS.indexOf(this.#options.level)) {
      this.#options.say(readableLine(text).trimEnd())
    }
  }

  #cameBack(plan: NodePlan): void {
    this.#options.say(`${plan.name} is back: http://${HOST}:${plan.port} (pid ${this.pid(plan)})`)
  }

  #ended(plan: NodePlan, node: NodeProcess, how: string, code: number | null): void {
    const { name } = plan
    this.#nodes.delete(name)
    this.#away.add(name)
    if (this.#phase === 'stopping') return
    if (this.#phase === 'starting') return this.onFailedStart(new Fault(`${name} ${how}; it says why above`))
    const livedMs = performance.now() - node.startedAtMs
    const deaths = livedMs < LIVED_MS ? (this.#quickDeaths.get(name) ?? 0) + 1 : 1
    this.#quickDeaths.set(name, deaths)
    const what = `${name} (pid ${node.pid}) ${code === 0 ? 'was asked to stop' : how}; the others go on.`
    if (deaths > MOST_QUICK_DEATHS) {
      this.#options.say(`${what} It stays down: it ended ${deaths} times in a row right after its start.`)
    } else {
      this.#options.say(`${what} It starts again in ${COMES_BACK_MS / 1000} s.`)
      this.#comeBackLater(plan)
    }
  }

  #comeBackLater(plan: NodePlan): void {
    const timer = setTimeout(() => {
      this.#comebacks.delete(timer)
      this.#launch(plan)
    }, COMES_BACK_MS)
    this.#comebacks.add(timer)
  }
}
