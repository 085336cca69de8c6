/**
 * `npm run bench`: puts and gets over HTTP on three real nodes (or more), beside a floor of as many bare processes, in alternation, with the
 * servers' processor time for an operation. docs/performance.md says how to read it.
 */
import { mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { freshDirectory } from './disk.js'
import {
  type BenchOptions,
  parseOptions,
  type RowName,
  type SystemName,
  UsageError,
  usage,
} from './options.js'
import { allocationTable, cpuTable } from './profile-report.js'
import { Profiler } from './profiler.js'
import { jsonOf, linesOf, tableOf, tooDear } from './report.js'
import { type Round, Subject } from './subject.js'

const FIRST_INSPECTOR_PORT = 39_229

interface Bench {
  readonly options: BenchOptions
  readonly subjects: Subject[]
  readonly rounds: Round[]
}

function say(line: string): void {
  process.stderr.write(`${line}\n`)
}

function inspectorPort(system: SystemName, options: BenchOptions): number | undefined {
  if (options.profileDirectory === undefined) return undefined
  return FIRST_INSPECTOR_PORT + options.systems.indexOf(system)
}

async function startSubjects({ options, subjects }: Bench, directory: string): Promise<void> {
  for (const system of options.systems) {
    say(`${system}: starting ${options.nodes} nodes, putting ${options.keys} keys …`)
    const plan = { system, directory: join(directory, system), inspectorPort: inspectorPort(system, options) }
    subjects.push(await Subject.start(plan, options))
  }
}

async function runRounds({ options, subjects, rounds }: Bench): Promise<void> {
  for (const row of options.rows) {
    for (let number = 1; number <= options.rounds; number++) {
      for (const subject of subjects) {
        const round = await subject.run(row)
        rounds.push(round)
        const cpu = (round.serverCpu.totalUs / round.operations).toFixed(1)
        say(
          `${row} ${number}/${options.rounds} ${subject.system}: ${(round.operations / round.seconds).toFixed(0)} ops/s, ${cpu} µs`,
        )
      }
    }
  }
}

/** Two more windows for each row and system, whose figures are not counted: being profiled costs time. */
async function profileRows({ options, subjects }: Bench, directory: string): Promise<void> {
  mkdirSync(directory, { recursive: true })
  for (const subject of subjects) {
    const profiler = await Profiler.attach(inspectorPort(subject.system, options)!)
    for (const row of options.rows) await profileRow(subject, row, profiler, directory)
    profiler.detach()
  }
}

async function profileRow(
  subject: Subject,
  row: RowName,
  profiler: Profiler,
  directory: string,
): Promise<void> {
  const title = `${row} on ${subject.system}`
  const file = join(directory, `${subject.system}-${row}`)
  const timed = await subject.run(row, () => void profiler.startCpu())
  const cpu = await profiler.stopCpu(`${file}.cpuprofile`)
  console.log(cpuTable(title, cpu, timed.serverCpu.mainUs / timed.operations))
  const counted = await subject.run(row, () => void profiler.startAllocations())
  const allocations = await profiler.stopAllocations(`${file}.heapprofile`)
  console.log(allocationTable(title, allocations, counted.operations))
}

async function run(options: BenchOptions): Promise<void> {
  const directory = freshDirectory(options.directory)
  const bench: Bench = { options, subjects: [], rounds: [] }
  const stop = async (): Promise<void> => {
    await Promise.all(bench.subjects.map((subject) => subject.stop()))
    rmSync(directory, { recursive: true, force: true })
  }
  process.once('SIGINT', () => void stop().finally(() => process.exit(130)))
  try {
    await startSubjects(bench, directory)
    await runRounds(bench)
    finish(bench)
    if (options.profileDirectory !== undefined) await profileRows(bench, options.profileDirectory)
  } finally {
    await stop()
  }
}

function finish({ options, rounds }: Bench): void {
  const lines = linesOf(rounds, options)
  const { connections, valueBytes, seconds, nodes } = options
  console.log(
    `\n${nodes} nodes, ${connections} connections, values of ${valueBytes} bytes, ${options.rounds} × ${seconds} s a row`,
  )
  console.log(tableOf(lines))
  if (options.jsonFile !== undefined) writeFileSync(options.jsonFile, jsonOf(lines, rounds, options))
  if (lines.some(({ faults }) => faults > 0)) process.exitCode = 1
  if (options.assertRatio === undefined) return
  for (const { row, ratio } of tooDear(lines, options.assertRatio)) {
    console.log(`${row}: ${ratio.toFixed(2)} × the floor is more than ${options.assertRatio}`)
    process.exitCode = 1
  }
}

try {
  if (process.argv.includes('--help')) console.log(usage)
  else await run(parseOptions(process.argv.slice(2)))
} catch (error) {
  if (!(error instanceof UsageError)) throw error
  say(`${error.message}\n\n${usage}`)
  process.exitCode = 2
}
