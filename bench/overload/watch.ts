/** What the nodes say of themselves while they are under load: the sum, or the most, of a metric over all of them. */

export type Metrics = ReadonlyMap<string, number>

/** One node's metrics, by name with labels. */
export async function metricsOf(port: number): Promise<Metrics> {
  const answer = await fetch(`http://127.0.0.1:${port}/metrics`)
  const metrics = new Map<string, number>()
  for (const line of (await answer.text()).split('\n')) {
    const space = line.lastIndexOf(' ')
    if (!line.startsWith('#') && space > 0) metrics.set(line.slice(0, space), Number(line.slice(space + 1)))
  }
  return metrics
}

export function sum(nodes: readonly Metrics[], name: string): number {
  return nodes.reduce((total, metrics) => total + (metrics.get(name) ?? 0), 0)
}

export function most(nodes: readonly Metrics[], name: string): number {
  return Math.max(...nodes.map((metrics) => metrics.get(name) ?? 0))
}

/** Asks all nodes again and again until it is stopped, and keeps the most of each of these gauges. */
export class Watcher {
  readonly most = new Map<string, number>()
  readonly #ports: readonly number[]
  readonly #names: readonly string[]
  #running = true

  constructor(ports: readonly number[], names: readonly string[], everyMs: number) {
    this.#ports = ports
    this.#names = names
    void this.#watch(everyMs)
  }

  stop(): void {
    this.#running = false
  }

  async #watch(everyMs: number): Promise<void> {
    while (this.#running) {
      const nodes = await Promise.all(this.#ports.map(metricsOf))
      for (const name of this.#names)
        this.most.set(name, Math.max(this.most.get(name) ?? 0, most(nodes, name)))
      await new Promise((resolve) => setTimeout(resolve, everyMs))
    }
  }
}
