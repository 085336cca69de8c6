/**
 * The simulator's command line.
 *
 *   npm run sim -- --seed 7              one seed, with its story
 *   npm run sim -- --seeds 500 --from 1  many, over two processes
 *   npm run sim -- --canaries            looks for a seed that catches each known bug, and records it
 */
import { parseArgs } from 'node:util'
import { CANARIES, canaryNamed } from './canaries/index.js'
import { replay } from './cli-replay.js'
import { searchCanaries, searchSeeds } from './cli-search.js'
import { FAULTS, type Fault, type Wish } from './swarm.js'

const USAGE = `Usage: npm run sim -- --seed N [--full] [--twice]
       npm run sim -- --seeds COUNT [--from N] [--keep] [--canary NAME] [--processes N]
       npm run sim -- --canaries [--only NAME]
  --full      the story with every read, write and log line
  --twice     runs the seed twice and compares the trace hashes
  --keep      writes failing seeds into test/sim/kept-seeds.json
  --without   faults to leave out, comma separated: ${FAULTS.join(', ')}
  --nodes, --n, --writes, --changes   instead of what the seed draws
  --kind      seeds of the kind in which this canary shows soon
Canaries: ${CANARIES.map((canary) => canary.name).join(', ')}`

const OPTIONS = {
  seed: { type: 'string' },
  seeds: { type: 'string' },
  from: { type: 'string', default: '1' },
  full: { type: 'boolean', default: false },
  twice: { type: 'boolean', default: false },
  keep: { type: 'boolean', default: false },
  canary: { type: 'string' },
  canaries: { type: 'boolean', default: false },
  only: { type: 'string' },
  processes: { type: 'string', default: '2' },
  without: { type: 'string', default: '' },
  nodes: { type: 'string' },
  n: { type: 'string' },
  writes: { type: 'string' },
  changes: { type: 'string' },
  kind: { type: 'string' },
  help: { type: 'boolean', default: false },
} as const

class UsageError extends Error {}

function whole(name: string, text: string): number {
  const value = Number(text)
  if (!Number.isInteger(value) || value < 0)
    throw new UsageError(`--${name} takes a whole number, not '${text}'`)
  return value
}

interface WishFlags {
  readonly without: string
  readonly nodes?: string
  readonly n?: string
  readonly writes?: string
  readonly changes?: string
  readonly kind?: string
}

function wishOf(values: WishFlags): Wish {
  const without: Fault[] = []
  for (const name of values.without.split(',').filter((part) => part !== '')) {
    const fault = FAULTS.find((known) => known === name)
    if (fault === undefined) throw new UsageError(`there is no fault '${name}'`)
    without.push(fault)
  }
  const { nodes, n, writes, changes, kind } = values
  const focus = kind === undefined ? {} : canaryNamed(kind).focus
  return {
    ...focus,
    without,
    ...(nodes === undefined ? {} : { nodes: whole('nodes', nodes) }),
    ...(n === undefined ? {} : { n: whole('n', n) }),
    ...(writes === undefined ? {} : { writes: whole('writes', writes) }),
    ...(changes === undefined ? {} : { changes: whole('changes', changes) }),
  }
}

async function main(): Promise<number> {
  const { values } = parseArgs({ options: OPTIONS })
  const processes = whole('processes', values.processes)
  if (values.canaries) return searchCanaries(values.only, processes)
  const wish = wishOf(values)
  if (values.seed !== undefined) {
    const { full, twice, canary } = values
    return replay(whole('seed', values.seed), { full, twice, canary, wish })
  }
  if (values.seeds === undefined || values.help) throw new UsageError(USAGE)
  const { keep, canary } = values
  return searchSeeds(whole('from', values.from), whole('seeds', values.seeds), {
    keep,
    canary,
    wish,
    processes,
  })
}

try {
  process.exitCode = await main()
} catch (error) {
  if (!(error instanceof Error)) throw error
  const isUsage = error instanceof UsageError || 'code' in error
  console.error(isUsage ? error.message : error.stack)
  process.exitCode = 2
}
