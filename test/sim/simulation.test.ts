/** The simulator in the test run: a few hundred virtual minutes of clusters, the seeds that once failed, and the known bugs. */
import test from 'ava'
import { CANARIES, type Canary } from './canaries/index.js'
import { canarySeeds, keptSeeds } from './kept-seeds.js'
import { runPool } from './pool.js'
import { runSeed } from './run-seed.js'
import { ONE_BUILD, type Wish } from './swarm.js'

const SEEDS = 60

function promisesKept(seed: number, wish: Wish = {}): string[] {
  return runSeed(seed, { ...ONE_BUILD, ...wish }).violations.map(
    ({ invariant, sentence }) => `seed ${seed} broke ${invariant}: ${sentence}`,
  )
}

test(`seeds 1 to ${SEEDS} keep all promises`, async (t) => {
  const broken: string[] = []
  const seeds = Array.from({ length: SEEDS }, (_, index) => index + 1)
  await runPool(seeds, {
    processes: 2,
    wish: {},
    onReport: ({ seed, violations }) => {
      for (const { invariant, sentence } of violations)
        broken.push(`seed ${seed} broke ${invariant}: ${sentence}`)
      return true
    },
  })
  t.deepEqual(broken, [])
})

for (const { seed, changes, why } of keptSeeds()) {
  test(`kept seed ${seed}: ${why}`, (t) => {
    t.deepEqual(promisesKept(seed, changes === undefined ? {} : { changes }), [])
  })
}

test('the same seed gives the same trace, another one another', (t) => {
  for (const seed of [3, 11, 21]) t.is(runSeed(seed).traceHash, runSeed(seed, {}, true).traceHash)
  t.not(runSeed(3).traceHash, runSeed(4).traceHash)
})

test('the same seed gives the same trace in another process', async (t) => {
  const here = runSeed(21).traceHash
  let there = ''
  await runPool([21], {
    processes: 1,
    wish: {},
    onReport: (report) => {
      there = report.traceHash
      return true
    },
  })
  t.is(there, here)
})

/** Where the code has changed so much that a rare canary's seed shows it no more, so many seeds of its own kind must do. */
const FOCUSED_SEEDS = 80

for (const canary of CANARIES) {
  test(`canary ${canary.name}: the simulator catches it`, async (t) => {
    const seed = canarySeeds()[canary.name]
    const focused = Array.from({ length: FOCUSED_SEEDS }, (_, index) => index + 1)
    const caught =
      (seed !== undefined &&
        (await catches(canary, [seed], canary.rare === true ? (canary.focus ?? {}) : {}))) ||
      (await catches(canary, focused, canary.focus ?? {}))
    t.true(
      caught,
      `seed ${seed} does not show it any more, nor does any other; search anew: npm run sim -- --canaries --only ${canary.name}`,
    )
  })
}

/** Whether one of the seeds breaks what this canary breaks; stops at the first. */
async function catches(canary: Canary, seeds: readonly number[], wish: Wish): Promise<boolean> {
  let caught = false
  await runPool(seeds, {
    processes: 1,
    canary: canary.name,
    wish,
    onReport: ({ violations }) => {
      caught ||= violations.some(({ invariant }) => canary.breaks.some((expected) => expected === invariant))
      return !caught
    },
  })
  return caught
}
