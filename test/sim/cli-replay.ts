/** Replays one seed and tells its story. */
import { canaryNamed } from './canaries/index.js'
import { plant } from './canary-hooks.js'
import { INVARIANTS, type Violation } from './check/violation.js'
import { gitCommit } from './git-commit.js'
import type { Verdict } from './simulation.js'
import { ONE_BUILD, type Wish } from './swarm.js'

export interface ReplayOptions {
  readonly full: boolean
  readonly twice: boolean
  readonly canary: string | undefined
  readonly wish: Wish
}

/** The exit code: 0 all promises kept, 1 one was broken. */
export async function replay(seed: number, options: ReplayOptions): Promise<number> {
  const { canary } = options
  const wish = canary === undefined ? options.wish : { ...ONE_BUILD, ...options.wish }
  if (canary !== undefined) plant(canaryNamed(canary).patches)
  const { runSeed } = await import('./run-seed.js')
  const startedMs = performance.now()
  const verdict = runSeed(seed, wish, options.full)
  const tookMs = performance.now() - startedMs
  for (const line of verdict.story) console.log(line)
  console.log('')
  for (const line of summary(verdict, tookMs)) console.log(line)
  if (!options.twice) return verdict.violations.length === 0 ? 0 : 1
  const again = runSeed(seed, wish, options.full)
  const same = again.traceHash === verdict.traceHash
  console.log(same ? 'the second run gave the same trace' : `THE SECOND RUN DIFFERED: ${again.traceHash}`)
  return same && verdict.violations.length === 0 ? 0 : 1
}

function summary(verdict: Verdict, tookMs: number): string[] {
  const { config, events, virtualMs, writes, traceHash, counts, violations } = verdict
  const seconds = (virtualMs / 1000).toFixed(1)
  const numbers = [...counts].sort().map(([name, count]) => `${name} ${count}`)
  return [
    `seed ${config.seed}: ${events} events, ${writes} writes, ${seconds} virtual seconds in ${Math.round(tookMs)} ms`,
    numbers.join(', '),
    `trace ${traceHash}`,
    ...(violations.length === 0 ? ['All promises were kept.'] : violations.map(inWords)),
    ...(violations.length === 0
      ? []
      : [`replay: npm run sim -- --seed ${config.seed} --full   (commit ${gitCommit()})`]),
  ]
}

export function inWords({ invariant, sentence }: Pick<Violation, 'invariant' | 'sentence'>): string {
  return `BROKEN ${invariant}, ${INVARIANTS[invariant]}: ${sentence}`
}
