/** The members of a cluster as a backup or a restore asks them: each at the address that it tells clients, with connections that are kept and patience for one that is busy. */
import { Agent } from 'node:http'
import { Agent as SecureAgent } from 'node:https'
import { setTimeout as sleep } from 'node:timers/promises'
import type { HistoryMark } from '../../protocol/reaping/history.js'
import { type Answer, ask, Fault, type Question } from '../ask.js'
import { json, refusal } from '../refusal.js'

export interface Member {
  readonly id: string
  readonly name: string
  readonly url: URL
}

interface MemberJson {
  readonly id: string
  readonly name: string
  readonly address: string
  readonly status: string
}

interface ClusterJson {
  readonly clusterId: string
  readonly self: string
  readonly n: number
  readonly q: number
  readonly ringDigest: string
  readonly members: readonly MemberJson[]
  /** Absent or null: the node keeps none. */
  readonly reapHistory?: (HistoryMark & { readonly fromFoundation: boolean }) | null
}

interface RingJson {
  readonly q: number
  readonly ringDigest: string
  readonly members: readonly { readonly id: string }[]
  readonly partitions: readonly (readonly number[])[]
}

/** The table in force, as one node has it. */
export interface RingSeen {
  readonly q: number
  readonly digest: string
  /** For each partition the ids of those who are read. */
  readonly owners: readonly (readonly string[])[]
}

/** How long one request may take a member, and all attempts together. */
const PATIENCE_MS = 60_000
const FIRST_PAUSE_MS = 50
const LONGEST_PAUSE_MS = 2_000
/** A member that cannot be reached is tried so often; then it is away. */
const REACHED_TRIES = 3

export class Members {
  readonly #url: URL
  readonly #agent: Agent
  #cluster: ClusterJson
  #members: readonly Member[] = []
  /** Ids of those whose patience was in vain: they are asked once, until they answer. */
  readonly #silent = new Set<string>()

  private constructor(url: URL, cluster: ClusterJson) {
    this.#url = url
    const kept = { keepAlive: true, maxSockets: 16 }
    this.#agent = url.protocol === 'https:' ? new SecureAgent(kept) : new Agent(kept)
    this.#cluster = cluster
    this.#look(cluster, url)
  }

  static async find(url: URL): Promise<Members> {
    return new Members(url, await clusterOf(url))
  }

  get clusterId(): string {
    return this.#cluster.clusterId
  }

  get settings(): Pick<ClusterJson, 'n' | 'q' | 'ringDigest'> {
    return this.#cluster
  }

  get all(): readonly Member[] {
    return this.#members
  }

  member(id: string): Member | undefined {
    return this.#members.find((member) => member.id === id)
  }

  close(): void {
    this.#agent.destroy()
  }

  /** Who is a member now, and the table in force: as the node that was named has it, or else the first that answers. */
  async ring(): Promise<RingSeen> {
    let fault: unknown
    for (const url of [this.#url, ...this.#members.map((member) => member.url)]) {
      try {
        return await this.#ringOf(url)
      } catch (error) {
        if (!(error instanceof Fault)) throw error
        fault ??= error
      }
    }
    throw fault
  }

  async #ringOf(url: URL): Promise<RingSeen> {
    const cluster = await clusterOf(url)
    // Another node may listen at its address by now.
    if (cluster.clusterId !== this.clusterId)
      throw new Fault(`the node at ${url.origin} is of another cluster`)
    this.#cluster = cluster
    this.#look(cluster, url)
    const answer = await ask(url, { method: 'GET', path: '/v1/cluster/ring' })
    const ring = json<RingJson>(answer, url, ['members', 'partitions', 'ringDigest'])
    const owners = ring.partitions.map((indices) => indices.map((index) => ring.members[index]!.id))
    return { q: ring.q, digest: ring.ringDigest, owners }
  }

  /** How far this member's history of reaping has come; undefined: it keeps none, or cannot be asked. */
  async history(member: Member): Promise<ClusterJson['reapHistory'] | undefined> {
    const answer = await this.ask(member, { method: 'GET', path: '/v1/cluster' })
    if (answer === undefined) return undefined
    const found = json<ClusterJson>(answer, member.url, ['clusterId', 'self'])
    // Another node may listen at its address by now.
    return found.self === member.id && found.clusterId === this.clusterId ? found.reapHistory : undefined
  }

  /** Tried again while it is busy or starting; undefined: it is away. Anything else than success is a Fault. */
  async ask(member: Member, question: Question): Promise<Answer | undefined> {
    const untilMs = performance.now() + PATIENCE_MS
    let pauseMs = FIRST_PAUSE_MS
    let unreached = 0
    for (;;) {
      const answer = await this.#once(member, question)
      if (answer === undefined) unreached++
      else if (answer.status === 200) {
        this.#silent.delete(member.id)
        return answer
      } else if (answer.status !== 503 && answer.status !== 504) throw refusal(answer, member.url)
      if (unreached >= REACHED_TRIES || performance.now() >= untilMs || this.#silent.has(member.id)) {
        this.#silent.add(member.id)
        return undefined
      }
      await sleep(pauseMs)
      pauseMs = Math.min(LONGEST_PAUSE_MS, pauseMs * 2)
    }
  }

  async #once(member: Member, question: Question): Promise<Answer | undefined> {
    try {
      return await ask(member.url, { ...question, agent: this.#agent })
    } catch (error) {
      if (error instanceof Fault) return undefined
      throw error
    }
  }

  #look({ members, self }: ClusterJson, asked: URL): void {
    const { protocol } = this.#url
    this.#members = members
      .filter(({ status }) => status !== 'removed')
      .map(({ id, name, address }) => ({
        id,
        name,
        url: id === self ? asked : new URL(`${protocol}//${address}`),
      }))
  }
}

async function clusterOf(url: URL): Promise<ClusterJson> {
  const cluster = json<ClusterJson>(await ask(url, { method: 'GET', path: '/v1/cluster' }), url, [
    'clusterId',
    'members',
    'self',
  ])
  if (cluster.clusterId === '') throw new Fault(`the node at ${url.origin} is no member of a cluster yet`)
  return cluster
}
