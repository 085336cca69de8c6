/** What stands in docs/scale.md: the table between its marks, and the picture. */
import { type Axis, chart, type Panel } from '../paper/chart.js'
import type { Measured } from './run.js'

/** The thousand want memory and time (docs/scale.md). */
export const SIZES = [10, 30, 100, 300, 1_000] as const

export function grouped(value: number, digits = 0): string {
  return value.toFixed(digits).replace(/\B(?=(\d{3})+(?!\d))/g, ',')
}

/** One row of the table: all that the same code measures alike again. */
export function cells(one: Measured): string[] {
  return [
    grouped(one.members),
    grouped(one.bytes),
    grouped(one.frames),
    grouped(one.probes),
    grouped(one.changeMs),
    grouped(one.hops),
    grouped(one.changeBytes / 1000),
    one.falseSuspicions.toFixed(1),
    (one.halfMs / 1000).toFixed(2),
    (one.allMs / 1000).toFixed(2),
  ]
}

export const HEAD = [
  'nodes',
  'bytes/s',
  'frames/s',
  'probes/s',
  'change known to all, ms',
  'hops',
  'kB sent for it',
  'false suspicions/h',
  'half suspect, s',
  'all suspect, s',
] as const

export function scaleTable(rows: readonly Measured[]): string {
  const line = (texts: readonly string[]) => `| ${texts.join(' | ')} |`
  return [line(HEAD), `|${'---:|'.repeat(HEAD.length)}`, ...rows.map((one) => line(cells(one)))].join('\n')
}

const NODES: Axis = {
  label: 'nodes (logarithmic)',
  from: 10,
  to: 1_000,
  ticks: SIZES,
  scale: 'log',
  text: (tick) => grouped(tick),
}

function panel(label: string, most: number, steps: number, curves: Panel['curves']): Panel {
  const ticks = Array.from({ length: steps + 1 }, (_, at) => (most / steps) * at)
  const y: Axis = { label, from: 0, to: most, ticks, scale: 'linear', text: (tick) => grouped(tick) }
  return { x: NODES, y, curves }
}

/** The least round number that is no less. */
function round(value: number, step: number): number {
  return Math.max(step, Math.ceil(value / step) * step)
}

export function scalePicture(rows: readonly Measured[]): string {
  const curve = (name: string, colour: string, of: (one: Measured) => number) => {
    return { name, colour, points: rows.map((one) => [one.members, of(one)] as const) }
  }
  const most = (of: (one: Measured) => number, step: number) => round(Math.max(...rows.map(of)), step)
  const seconds = most(({ allMs }) => allMs / 1000, 5)
  return chart(
    'A quiet second, a change of membership and a node that stands still, by the number of nodes',
    [
      panel(
        'for each node and quiet second',
        most(({ bytes }) => bytes, 2_000),
        4,
        [curve('bytes sent', '#2c7a3f', ({ bytes }) => bytes)],
      ),
      panel(
        'ms until all know of a change',
        most(({ changeMs }) => changeMs, 20),
        4,
        [curve('change known to all', '#2f6f9f', ({ changeMs }) => changeMs)],
      ),
      panel('seconds until a silent node is suspected', seconds, 5, [
        curve('by half of the others', '#c9a227', ({ halfMs }) => halfMs / 1000),
        curve('by all', '#b5562b', ({ allMs }) => allMs / 1000),
      ]),
    ],
  )
}
