/**
 * What is done to the cluster, in which order, to whom and for how long: all of it follows from the seed. Two lanes run beside each
 * other, one for nodes and their disks, one for the network, so that faults meet in pairs. Each lane deals its faults from a shuffled
 * deck: every kind comes up before one comes up again.
 */
import { Prng } from '../sim/prng.js'

export const NODE_FAULTS = [
  'kill',
  'pause',
  'power-cut',
  'blackout',
  'full-disk',
  'sync-error',
  'slow-sync',
  'table-damage',
  'clock-jump',
  'rolling-restart',
  'cold-start',
] as const
export const NETWORK_FAULTS = [
  'cut-one-way',
  'cut-both-ways',
  'cut-off',
  'delay',
  'reset',
  'half-open',
  'corrupt',
] as const
export const FAULTS = [...NODE_FAULTS, ...NETWORK_FAULTS] as const
export type NodeFault = (typeof NODE_FAULTS)[number]
export type NetworkFault = (typeof NETWORK_FAULTS)[number]
export type Fault = (typeof FAULTS)[number]

export interface Episode<F extends Fault = Fault> {
  readonly fault: F
  /** Quiet time before it, ms. */
  readonly calmMs: number
  readonly lastsMs: number
  /** All nodes by number, the victims first. */
  readonly order: readonly number[]
  /** Uniform in [0, 1): how hard, what each kind of fault makes of it. */
  readonly force: number
}

interface Course {
  readonly nodes: number
  readonly durationMs: number
}

/** The episodes of one lane; a few more than fit into the time. */
export function schedule<F extends Fault>(
  seed: string,
  lane: string,
  faults: readonly F[],
  { nodes, durationMs }: Course,
): Episode<F>[] {
  const prng = new Prng(`chaos ${seed}`).split(lane)
  const numbers = Array.from({ length: nodes }, (_, index) => index)
  const episodes: Episode<F>[] = []
  let deck: F[] = []
  for (let spentMs = 0; spentMs < durationMs && faults.length > 0; ) {
    if (deck.length === 0) deck = prng.shuffled(faults)
    const fault = deck.pop() as F
    const calmMs = Math.round(prng.between(300, 2_000))
    const lastsMs = Math.round(lasting(fault, prng, durationMs))
    episodes.push({ fault, calmMs, lastsMs, order: prng.shuffled(numbers), force: prng.fraction() })
    spentMs += calmMs + lastsMs
  }
  return episodes
}

/** Short ones are the rule: most trouble is at the beginning and the end of a fault. */
function lasting(fault: Fault, prng: Prng, durationMs: number): number {
  if (fault === 'pause')
    return Math.min(
      prng.chance(0.25) ? prng.between(6_000, 20_000) : prng.between(1_000, 5_000),
      durationMs / 5,
    )
  if (fault === 'reset' || fault === 'corrupt') return prng.between(200, 2_000)
  return Math.min(prng.between(500, 6_000), durationMs / 5)
}
