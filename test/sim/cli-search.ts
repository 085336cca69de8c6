/** Runs many seeds and says what came of them. */
import { SingleBar } from 'cli-progress'
import { CANARIES, type Canary } from './canaries/index.js'
import type { Invariant } from './check/violation.js'
import { inWords } from './cli-replay.js'
import { Counters } from './counters.js'
import { gitCommit } from './git-commit.js'
import { canarySeeds, keepSeed, recordCanarySeeds } from './kept-seeds.js'
import { runPool } from './pool.js'
import { neverHappened } from './sometimes.js'
import type { Wish } from './swarm.js'
import type { Report } from './worker.js'

const CANARY_SEEDS = 1_000
/** Beyond this many failing seeds, more of them tell nothing new. */
const MOST_FAILURES = 10

export interface SearchOptions {
  readonly keep: boolean
  readonly canary: string | undefined
  readonly wish: Wish
  readonly processes: number
}

export async function searchSeeds(from: number, count: number, options: SearchOptions): Promise<number> {
  const bar = new SingleBar({
    format: '{bar} {value}/{total} seeds, {failures} failing, {eta_formatted} left',
    hideCursor: true,
  })
  const failures: Report[] = []
  const totals = new Counters()
  let done = 0
  bar.start(count, 0, { failures: 0 })
  await runPool(numbers(from, count), {
    processes: options.processes,
    wish: options.wish,
    ...(options.canary === undefined ? {} : { canary: options.canary }),
    onReport: (report) => {
      done += 1
      totals.add(report.counts)
      if (report.violations.length > 0) failures.push(report)
      bar.update(done, { failures: failures.length })
      return failures.length < MOST_FAILURES
    },
  })
  bar.stop()
  for (const line of tallied(totals)) console.log(line)
  for (const failure of failures.sort((left, right) => left.seed - right.seed)) tell(failure, options)
  console.log(`${done} seeds, ${failures.length} failing`)
  return failures.length === 0 ? 0 : 1
}

function tallied(totals: Counters): string[] {
  const lines = [...totals.counts].sort().map(([name, count]) => `  ${name}: ${count}`)
  const missed = neverHappened(totals.counts)
  if (missed.length > 0) lines.push(`never happened: ${missed.join(', ')}`)
  return lines
}

function tell(report: Report, options: SearchOptions): void {
  console.log(`\nseed ${report.seed}`)
  for (const { invariant, sentence } of report.violations)
    console.log(`  ${inWords({ invariant: invariant as Invariant, sentence })}`)
  const canary = options.canary === undefined ? '' : ` --canary ${options.canary}`
  console.log(`  replay: npm run sim -- --seed ${report.seed}${canary}   (commit ${gitCommit()})`)
  const first = report.violations[0]
  if (options.keep && first !== undefined) keepSeed({ seed: report.seed, why: first.sentence })
}

/** For each canary the first seed that catches it by the right invariant; 1 when one gets away. */
export async function searchCanaries(only: string | undefined, processes: number): Promise<number> {
  const seeds: Record<string, number> = { ...canarySeeds() }
  let missed = 0
  for (const canary of CANARIES) {
    if (only !== undefined && canary.name !== only) continue
    const caught = await searchCanary(canary, processes)
    if (caught === undefined) missed += 1
    else seeds[canary.name] = caught.seed
    const how =
      caught === undefined ? `not caught in ${CANARY_SEEDS} seeds` : `seed ${caught.seed}: ${caught.sentence}`
    console.log(`${canary.name}: ${how}`)
    recordCanarySeeds(seeds)
  }
  return missed === 0 ? 0 : 1
}

async function searchCanary(
  canary: Canary,
  processes: number,
): Promise<{ seed: number; sentence: string } | undefined> {
  let caught: { seed: number; sentence: string } | undefined
  await runPool(numbers(1, CANARY_SEEDS), {
    processes,
    canary: canary.name,
    wish: canary.rare === true ? (canary.focus ?? {}) : {},
    onReport: ({ seed, violations }) => {
      const hit = violations.find(({ invariant }) => canary.breaks.includes(invariant as Invariant))
      if (hit !== undefined && (caught === undefined || seed < caught.seed))
        caught = { seed, sentence: hit.sentence }
      return caught === undefined
    },
  })
  return caught
}

function numbers(from: number, count: number): number[] {
  return Array.from({ length: count }, (_, index) => from + index)
}
