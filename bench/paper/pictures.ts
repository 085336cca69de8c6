/** What stands in docs/paper: the tables between the marks of its page, and the pictures. */
import { type Axis, type Curve, chart } from './chart.js'
import type { Window } from './figure6.js'
import { type Distribution, type Row, STRATEGIES, type Strategy } from './figure8.js'

const COLOURS: Readonly<Record<Strategy, string>> = {
  one: '#b5562b',
  twoFine: '#c9a227',
  twoCoarse: '#8a8578',
  three: '#2f6f9f',
  rotunda: '#2c7a3f',
}
const NAMES = Object.keys(STRATEGIES) as Strategy[]

function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]) => `| ${cells.join(' | ')} |`
  return [line(head), `|${'---:|'.repeat(head.length)}`, ...rows.map(line)].join('\n')
}

function grouped(count: number): string {
  return count.toString().replace(/\B(?=(\d{3})+$)/g, ',')
}

/** Efficiency: the mean over the rings, and in brackets the least. */
export function figure8Cells({ size, points }: Row): string[] {
  return [
    grouped(points.one.entries),
    ...NAMES.map((name) => `${points[name].mean.toFixed(3)} (${points[name].least.toFixed(3)})`),
    `${grouped(points.rotunda.entries)} (Q = ${grouped(size.ours)})`,
  ]
}

export function figure8Table(rows: readonly Row[]): string {
  const head = ['entries', ...NAMES.map((name) => STRATEGIES[name]), "Rotunda's entries"]
  return table(head, rows.map(figure8Cells))
}

export function distributionTable(distributions: readonly Distribution[]): string {
  const head = ['keys', 'popularity', ...NAMES.map((name) => STRATEGIES[name])]
  const cells = ({ keys, skew, points }: Distribution) => [
    grouped(keys),
    skew,
    ...NAMES.map((name) => points[name].mean.toFixed(3)),
  ]
  return table(head, distributions.map(cells))
}

export function figure8Picture(rows: readonly Row[]): string {
  const x: Axis = {
    label: 'entries of membership data kept at each node (logarithmic)',
    from: 250,
    to: 30_000,
    ticks: [300, 1_000, 3_000, 10_000, 30_000],
    scale: 'log',
    text: grouped,
  }
  const y: Axis = {
    label: 'mean load ÷ greatest load',
    from: 0.6,
    to: 1,
    ticks: [0.6, 0.7, 0.8, 0.9, 1],
    scale: 'linear',
    text: (tick) => tick.toFixed(1),
  }
  const curves: Curve[] = NAMES.map((name) => ({
    name: STRATEGIES[name],
    colour: COLOURS[name],
    points: rows.map(({ points }) => [points[name].entries, points[name].mean]),
  }))
  return chart('Load-balancing efficiency of placement strategies, 30 nodes, 3 copies', [{ x, y, curves }])
}

function percent(fraction: number): string {
  return `${(100 * fraction).toFixed(1)} %`
}

function timeOfDay(window: number): string {
  return `${Math.floor(window / 2)}:${window % 2 === 0 ? '00' : '30'}`
}

/** Every second hour of the day. */
export function figure6Table(windows: readonly Window[]): string {
  const head = ['from', 'requests in half an hour', 'strategy 1', 'strategy 3', 'Rotunda']
  const cells = ({ requests, one, three, rotunda }: Window, window: number) => [
    timeOfDay(window),
    grouped(requests),
    ...[one, three, rotunda].map(percent),
  ]
  return table(
    head,
    windows.map(cells).filter((_, window) => window % 4 === 0),
  )
}

export function figure6Picture(windows: readonly Window[]): string {
  const x: Axis = {
    label: 'time of day',
    from: 0,
    to: 48,
    ticks: [0, 8, 16, 24, 32, 40, 48],
    scale: 'linear',
    text: timeOfDay,
  }
  const percentages: Axis = {
    label: 'nodes out of balance',
    from: 0,
    to: 0.3,
    ticks: [0, 0.1, 0.2, 0.3],
    scale: 'linear',
    text: (tick) => `${Math.round(tick * 100)} %`,
  }
  const most = Math.max(...windows.map(({ requests }) => requests))
  const load: Axis = {
    label: 'requests, peak = 1',
    from: 0,
    to: 1,
    ticks: [0, 0.25, 0.5, 0.75, 1],
    scale: 'linear',
    text: (tick) => tick.toFixed(2),
  }
  const curve = (name: 'one' | 'three' | 'rotunda'): Curve => ({
    name: STRATEGIES[name],
    colour: COLOURS[name],
    points: windows.map((window, at) => [at + 0.5, window[name]]),
  })
  const requests: Curve = {
    name: 'load',
    colour: '#3b3a36',
    points: windows.map((window, at) => [at + 0.5, window.requests / most]),
  }
  return chart('Nodes out of balance over a day, 30 nodes, 3 copies', [
    { x, y: percentages, curves: [curve('one'), curve('three'), curve('rotunda')] },
    { x, y: load, curves: [requests] },
  ])
}

/** The page with what stands between `<!-- name -->` and `<!-- end -->` replaced; throws where the page has no such place. */
export function withTable(page: string, name: string, text: string): string {
  const from = page.indexOf(`<!-- ${name} -->`)
  const to = page.indexOf('<!-- end -->', from)
  if (from < 0 || to < 0) throw new Error(`The page has no place for ${name}.`)
  return `${page.slice(0, from)}<!-- ${name} -->\n${text}\n${page.slice(to)}`
}
