/** A process that runs the seeds it is sent, one at a time. Started by the pool, with a canary planted before anything is loaded. */
import { canaryNamed } from './canaries/index.js'
import { plant } from './canary-hooks.js'
import type { Wish } from './swarm.js'

export interface Job {
  readonly seed: number
  readonly wish: Wish
}

export interface Report {
  readonly seed: number
  readonly violations: readonly { readonly invariant: string; readonly sentence: string }[]
  readonly traceHash: string
  readonly events: number
  readonly writes: number
  readonly counts: Readonly<Record<string, number>>
}

const canary = process.argv[2]
if (canary !== undefined) plant(canaryNamed(canary).patches)
const { runSeed } = await import('./run-seed.js')

process.on('message', (job: Job) => {
  const verdict = runSeed(job.seed, job.wish)
  const report: Report = {
    seed: job.seed,
    violations: verdict.violations.map(({ invariant, sentence }) => ({ invariant, sentence })),
    traceHash: verdict.traceHash,
    events: verdict.events,
    writes: verdict.writes,
    counts: Object.fromEntries(verdict.counts),
  }
  process.send?.(report)
})
process.on('disconnect', () => process.exit(0))
process.send?.('ready')
