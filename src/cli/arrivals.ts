/**
 * How many bytes of moving partitions have arrived at their new owners. Only a new owner knows what it has, so all members are asked; how many there are in all is what the node
 * reckons that is asked for everything else.
 */
import { ask } from './ask.js'
import { json } from './refusal.js'

/** Nodes of earlier builds say nothing of bytes. */
interface MovedBytes {
  readonly bytesMoving?: number | null
  readonly bytesArrived?: number
}

export interface AskedCluster {
  readonly members: readonly { readonly address: string; readonly liveness: string }[]
  readonly move: MovedBytes | null
}

/** Of larger clusters not all are asked: every look is a request to each of them. */
const ASKED = 64
/** A member that takes longer is left out of this look. */
const PATIENCE_MS = 1_000
/** The pace is taken over so long, and not before there have been looks for so long. */
const WINDOW_MS = 10_000
const LEAST_MS = 1_000

/** Bytes that have still to arrive, about; undefined: nobody can tell. */
export async function bytesAwaited(url: URL, { members, move }: AskedCluster): Promise<number | undefined> {
  const { bytesMoving, bytesArrived } = move ?? {}
  if (bytesMoving == null || bytesArrived === undefined) return undefined
  const others = members.filter(({ liveness }) => liveness === 'up').slice(0, ASKED)
  const arrived = await Promise.all(others.map(({ address }) => arrivedAt(`${url.protocol}//${address}`)))
  return Math.max(0, bytesMoving - arrived.reduce((sum, bytes) => sum + bytes, bytesArrived))
}

async function arrivedAt(address: string): Promise<number> {
  const late = new Promise<number>((resolve) => setTimeout(resolve, PATIENCE_MS, 0).unref())
  return Promise.race([late, askArrived(address).catch(() => 0)])
}

async function askArrived(address: string): Promise<number> {
  const url = new URL(address)
  const answer = await ask(url, { method: 'GET', path: '/v1/cluster', timeoutMs: PATIENCE_MS })
  return json<AskedCluster>(answer, url, ['members']).move?.bytesArrived ?? 0
}

export interface Arrived {
  readonly bytes: number
  readonly of: number
  /** Lately; 0: nothing arrives, or nobody knows yet. */
  readonly perSecond: number
  readonly leftSeconds: number | undefined
}

export class Arrivals {
  /** As it was reckoned when it was looked at first, or later when more came to it. */
  #total = 0
  #looks: { readonly atMs: number; readonly awaited: number }[] = []

  look(nowMs: number, awaited: number | undefined): void {
    if (awaited === undefined) return
    this.#total = Math.max(this.#total, awaited)
    this.#looks.push({ atMs: nowMs, awaited })
    while (nowMs - this.#looks[0]!.atMs > WINDOW_MS) this.#looks.shift()
  }

  /** Undefined: nobody can tell. */
  get arrived(): Arrived | undefined {
    const [first, last] = [this.#looks[0], this.#looks.at(-1)]
    if (first === undefined || last === undefined) return undefined
    const passedMs = last.atMs - first.atMs
    const perSecond =
      passedMs < LEAST_MS ? 0 : Math.max(0, ((first.awaited - last.awaited) * 1_000) / passedMs)
    const leftSeconds = perSecond > 0 ? last.awaited / perSecond : undefined
    return { bytes: this.#total - last.awaited, of: this.#total, perSecond, leftSeconds }
  }
}
