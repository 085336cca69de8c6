/** Carries out the episodes of a schedule on a real cluster, and says in the history what was done. */
import { setTimeout as sleep } from 'node:timers/promises'
import { until } from '../cluster/until.js'
import type { ChaosCluster } from './chaos-cluster.js'
import type { ChaosNode } from './chaos-node.js'
import type { History } from './history.js'
import type { Episode, Fault, NetworkFault, NodeFault } from './schedule.js'

const MiB = 1024 * 1024
/** Below the nodes' floor, above nothing: rows are refused before a write fails. */
const TIGHT_BYTES = 8 * MiB
const READY_MS = 60_000
const HANDED_OVER_MS = 20_000

export class Nemeses {
  /** How often each fault was carried out. */
  readonly struck = new Map<Fault, number>()
  readonly #cluster: ChaosCluster
  readonly #history: History
  readonly #stop: AbortSignal

  /** A lane ends early when `stop` fires; what it has begun is put right. */
  constructor(cluster: ChaosCluster, history: History, stop: AbortSignal) {
    this.#cluster = cluster
    this.#history = history
    this.#stop = stop
  }

  async nodeLane(episodes: readonly Episode<NodeFault>[]): Promise<void> {
    for (const episode of episodes) {
      if (!(await this.#pause(episode.calmMs))) return
      await this.#around(episode, () => this.#strikeNodes(episode))
    }
  }

  async networkLane(episodes: readonly Episode<NetworkFault>[]): Promise<void> {
    for (const episode of episodes) {
      if (!(await this.#pause(episode.calmMs))) return
      await this.#around(episode, () => this.#strikeWires(episode))
      this.#cluster.wires.heal()
    }
  }

  /** Sleeps; false when the run is over. */
  async #pause(ms: number): Promise<boolean> {
    await sleep(ms, undefined, { signal: this.#stop }).catch(() => {})
    return !this.#stop.aborted
  }

  async #around(episode: Episode, strike: () => Promise<string>): Promise<void> {
    const names = episode.order.map((index) => this.#cluster.nodes[index]?.name)
    this.#history.nemesis(`${episode.fault} begins, for ${episode.lastsMs} ms; in order ${names.join(' ')}`)
    const what = await strike()
    this.struck.set(episode.fault, (this.struck.get(episode.fault) ?? 0) + 1)
    this.#history.nemesis(`${episode.fault} is over: ${what}`)
  }

  async #strikeNodes(episode: Episode<NodeFault>): Promise<string> {
    const victims = this.#victims(episode)
    const [victim] = victims as [ChaosNode]
    switch (episode.fault) {
      case 'kill':
        return this.#kill(episode.force < 0.3 ? victims.slice(0, 2) : [victim], episode.lastsMs)
      case 'cold-start':
        return this.#kill(victims, episode.lastsMs)
      case 'pause':
        victim.pause()
        await this.#pause(episode.lastsMs)
        victim.resume()
        return `${victim.name} stood still`
      case 'power-cut':
        return this.#cutPower([victim], episode.lastsMs)
      case 'blackout':
        return this.#cutPower(victims, episode.lastsMs)
      case 'full-disk':
        return this.#fill(victim, episode)
      case 'sync-error':
        return this.#tamper(victim, 'fdatasync:error=EIO:when=1', episode.lastsMs)
      case 'slow-sync':
        return this.#tamper(
          victim,
          `fdatasync:delay_enter=${Math.round(50_000 + 250_000 * episode.force)}`,
          episode.lastsMs,
        )
      case 'table-damage':
        return this.#damage(episode)
      case 'clock-jump': {
        const offSeconds = Math.round((episode.force - 0.5) * 7_200)
        victim.setClock(offSeconds)
        await this.#pause(episode.lastsMs)
        return `${victim.name} is ${offSeconds} s off`
      }
      case 'rolling-restart':
        return this.#roll(victims)
      default:
        return episode.fault satisfies never
    }
  }

  async #kill(victims: readonly ChaosNode[], lastsMs: number): Promise<string> {
    await Promise.all(victims.map((node) => node.kill()))
    await this.#pause(lastsMs)
    for (const node of victims) node.launch()
    return `${namesOf(victims)} killed and started again`
  }

  /** What each disk holds is taken while all stand still, so that nobody hears of what another one then has lost. */
  async #cutPower(victims: readonly ChaosNode[], lastsMs: number): Promise<string> {
    for (const node of victims) node.pause()
    for (const node of victims) await node.disk.cutPower(() => node.kill())
    await this.#pause(lastsMs / 2)
    for (const node of victims) node.launch()
    return `${namesOf(victims)} go on with what their disks held`
  }

  async #fill(victim: ChaosNode, { force, lastsMs }: Episode): Promise<string> {
    const leaveBytes = force < 0.6 ? 0 : TIGHT_BYTES
    await victim.disk.fill(leaveBytes)
    await this.#pause(lastsMs)
    victim.disk.relieve()
    return `the disk of ${victim.name} had ${leaveBytes} bytes left`
  }

  /** Always the same node, and only where it has nothing that another owner lacks: what is damaged on one disk must be whole on the others. */
  async #damage({ force, lastsMs }: Episode): Promise<string> {
    const [victim] = this.#cluster.nodes as [ChaosNode]
    const isBare = async () =>
      (await victim.process.isReady()) && (await this.#cluster.view(victim.name))?.pendingHints === 0
    const isSafe = await until('it has handed over', isBare, HANDED_OVER_MS).then(
      () => true,
      () => false,
    )
    if (!isSafe) return `not done: ${victim.name} may have what others lack`
    await victim.kill()
    const what = victim.disk.damageTable(force)
    await this.#pause(lastsMs)
    victim.launch()
    return `${victim.name}: ${what}`
  }

  async #tamper(victim: ChaosNode, injection: string, lastsMs: number): Promise<string> {
    await victim.tamper(injection)
    await this.#pause(lastsMs)
    await victim.leaveAlone()
    return `${victim.name} under ${injection}`
  }

  async #roll(victims: readonly ChaosNode[]): Promise<string> {
    for (const node of victims) {
      await node.stop()
      node.launch()
      // With a cut network it may take longer; the next one is stopped all the same.
      await node.process.untilReady(READY_MS).catch(() => {})
      if (!(await this.#pause(300))) break
    }
    return `${namesOf(victims)} stopped and started one after the other`
  }

  async #strikeWires(episode: Episode<NetworkFault>): Promise<string> {
    const { wires } = this.#cluster
    const [one, other, ...rest] = this.#victims(episode)
    if (one === undefined || other === undefined) return 'nothing, there is only one node'
    const pair = `${one.name} and ${other.name}`
    const both = [
      [one.name, other.name],
      [other.name, one.name],
    ] as const
    switch (episode.fault) {
      case 'cut-one-way':
        wires.set(one.name, other.name, { cut: true })
        break
      case 'cut-both-ways':
        for (const [from, to] of both) wires.set(from, to, { cut: true })
        break
      case 'cut-off':
        for (const node of [other, ...rest]) {
          wires.set(one.name, node.name, { cut: true })
          wires.set(node.name, one.name, { cut: true })
        }
        await this.#pause(episode.lastsMs)
        return `${one.name} was alone`
      case 'delay':
        for (const [from, to] of both) wires.set(from, to, { delayMs: Math.round(10 + 490 * episode.force) })
        break
      case 'reset':
        return `${wires.reset(one.name, other.name)} connections between ${pair} reset`
      case 'half-open':
        return `${wires.silence(one.name, other.name)} connections between ${pair} went silent`
      case 'corrupt':
        for (const [from, to] of both) wires.set(from, to, { corrupt: 1 })
        await this.#pause(episode.lastsMs)
        return `a bit changed on the ways between ${pair}, ${wires.corrupted} so far in all`
      default:
        return episode.fault satisfies never
    }
    await this.#pause(episode.lastsMs)
    return `between ${pair}`
  }

  #victims({ order }: Episode): ChaosNode[] {
    return order.flatMap((index) => this.#cluster.nodes[index] ?? [])
  }
}

function namesOf(nodes: readonly ChaosNode[]): string {
  return nodes.map(({ name }) => name).join(', ')
}
