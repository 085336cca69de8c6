/** What each node says that it did, and what it cost. */
import { SLICE_KINDS } from '../../src/node/slices.js'
import { type Metrics, metricsOf, most, sum } from '../overload/watch.js'

export interface WorkDone {
  readonly cpuUs: number
  /** Batches, each with one sync. */
  readonly syncs: number
  readonly rows: number
  readonly sent: number
  readonly dropped: number
}

/** A node that came meanwhile began with nothing; one that left counts no more. */
export function workBetween(
  before: readonly WorkDone[],
  after: readonly WorkDone[],
  seconds: number,
): string {
  const of = (what: keyof WorkDone) =>
    after.map((node, number) => Math.max(0, node[what] - (before[number]?.[what] ?? 0)))
  const rates = (what: keyof WorkDone, unit: number) =>
    of(what)
      .map((amount) => (amount / seconds / unit).toFixed(0))
      .join('/')
  const [sent, dropped] = [of('sent').join('/'), of('dropped').join('/')]
  return `${rates('cpuUs', 10_000)} % of a core, ${rates('syncs', 1)} syncs/s, ${rates('rows', 1)} rows written/s, moved rows sent ${sent} dropped ${dropped}`
}

/** A node that is away holds nothing and asks for nothing. */
export async function metricsOfAny(port: number): Promise<Metrics> {
  try {
    return await metricsOf(port)
  } catch {
    return new Map()
  }
}

const SLICE = 'rotunda_background_slice'

/** Of any of the nodes, since their start; on this machine's clock, so with whatever else ran meanwhile. */
export function slicesOf(nodes: readonly Metrics[]): string {
  const inMs = (name: string) => (most(nodes, name) * 1_000).toFixed(1)
  return SLICE_KINDS.filter((kind) => sum(nodes, `${SLICE}s_total{kind="${kind}"}`) > 0)
    .map((kind) => {
      const p99 = inMs(`${SLICE}_seconds{kind="${kind}",quantile="0.99"}`)
      return `${kind} ${p99} (${inMs(`${SLICE}_longest_seconds{kind="${kind}"}`)})`
    })
    .join(', ')
}
