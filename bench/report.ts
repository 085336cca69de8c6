/** The rounds as a table for people and as JSON for machines. */
import { cpus } from 'node:os'
import { Histogram } from './measure/histogram.js'
import { median, ratioOfMedians, spread } from './measure/statistics.js'
import type { BenchOptions, RowName, SystemName } from './options.js'
import type { Round } from './subject.js'

export interface Line {
  readonly row: RowName
  readonly system: SystemName
  readonly operations: number
  /** Medians over the rounds. */
  readonly operationsPerSecond: number
  readonly cpuUs: number
  readonly cpuSpread: number
  readonly mainThreadCpuUs: number
  readonly generatorCpuUs: number
  /** Of one core, over the windows. */
  readonly generatorShare: number
  /** Over all rounds together. */
  readonly latencyUs: {
    readonly p50: number
    readonly p99: number
    readonly p999: number
    readonly max: number
  }
  /** CPU of an operation against the floor's; NaN for the floor, and where the floor was not run. */
  readonly ratio: number
  readonly faults: number
  readonly firstFault: string | undefined
}

export function linesOf(rounds: readonly Round[], { rows, systems }: BenchOptions): Line[] {
  return rows.flatMap((row) =>
    systems.map((system) => {
      const own = rounds.filter((round) => round.row === row && round.system === system)
      const floor = rounds.filter((round) => round.row === row && round.system === 'floor')
      return lineOf(row, system, own, system === 'floor' ? [] : floor)
    }),
  )
}

function lineOf(row: RowName, system: SystemName, own: readonly Round[], floor: readonly Round[]): Line {
  const latency = new Histogram()
  for (const round of own) latency.add(round.latency)
  const [p50, p99, p999] = [0.5, 0.99, 0.999].map((fraction) => latency.quantile(fraction)) as [
    number,
    number,
    number,
  ]
  return {
    row,
    system,
    operations: latency.total,
    operationsPerSecond: median(own.map((round) => round.operations / round.seconds)),
    cpuUs: median(own.map(cpuUs)),
    cpuSpread: spread(own.map(cpuUs)),
    mainThreadCpuUs: median(own.map((round) => round.serverCpu.mainUs / round.operations)),
    generatorCpuUs: median(own.map((round) => round.generatorCpuUs / round.operations)),
    generatorShare: median(own.map((round) => round.generatorCpuUs / 1e6 / round.seconds)),
    latencyUs: { p50, p99, p999, max: latency.largestUs },
    ratio: ratioOfMedians(own.map(cpuUs), floor.map(cpuUs)),
    faults: own.reduce((sum, round) => sum + round.faults, 0),
    firstFault: own.find((round) => round.firstFault !== undefined)?.firstFault,
  }
}

function cpuUs(round: Round): number {
  return round.serverCpu.totalUs / round.operations
}

const COLUMNS = [
  ['row', 6],
  ['system', 8],
  ['ops/s', 8],
  ['p50 ms', 8],
  ['p99 ms', 8],
  ['p99.9 ms', 9],
  ['CPU µs/op', 10],
  ['±', 5],
  ['main thread', 12],
  ['× floor', 8],
  ['generator', 14],
] as const

export function tableOf(lines: readonly Line[]): string {
  const head = COLUMNS.map(([title, width]) => title.padStart(width)).join(' ')
  return [head, ...lines.map(tableRow), ...lines.flatMap(faultsOf)].join('\n')
}

function tableRow(line: Line): string {
  const ms = (us: number): string => (us / 1000).toFixed(2)
  const cells = [
    line.row,
    line.system,
    line.operationsPerSecond.toFixed(0),
    ms(line.latencyUs.p50),
    ms(line.latencyUs.p99),
    ms(line.latencyUs.p999),
    orDash(line.cpuUs, (value) => value.toFixed(1)),
    `${(line.cpuSpread * 100).toFixed(0)}%`,
    orDash(line.mainThreadCpuUs, (value) => value.toFixed(1)),
    orDash(line.ratio, (value) => value.toFixed(2)),
    `${line.generatorCpuUs.toFixed(1)} µs, ${(line.generatorShare * 100).toFixed(0)}%`,
  ]
  return cells.map((cell, i) => cell.padStart(COLUMNS[i]![1])).join(' ')
}

function orDash(value: number, shown: (value: number) => string): string {
  return Number.isFinite(value) ? shown(value) : '–'
}

function faultsOf({ row, system, faults, firstFault }: Line): string[] {
  return faults === 0 ? [] : [`  ! ${row} on ${system}: ${faults} wrong answers, the first: ${firstFault}`]
}

/** Everything that was measured, with what it was measured on. */
export function jsonOf(lines: readonly Line[], rounds: readonly Round[], options: BenchOptions): string {
  const machine = {
    node: process.version,
    platform: process.platform,
    arch: process.arch,
    cores: cpus().length,
    cpu: cpus()[0]?.model,
  }
  const plain = rounds.map(({ latency, ...round }) => ({
    ...round,
    p50Us: latency.quantile(0.5),
    p99Us: latency.quantile(0.99),
  }))
  return `${JSON.stringify({ at: new Date().toISOString(), machine, options, lines, rounds: plain }, null, 2)}\n`
}

/** The rows that cost more than `most` times the floor; blind puts have no equal there and are not judged. */
export function tooDear(lines: readonly Line[], most: number): Line[] {
  return lines.filter(({ row, system, ratio }) => row !== 'blind' && system !== 'floor' && !(ratio <= most))
}
