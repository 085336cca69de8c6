/**
 * `npm run bench:background`: what clients of two nodes feel while a third one is brought up to date, or while tombstones are reaped. Every stage lies between two
 * windows without background work, and its p99 is held against the mean of theirs: a disk that others share is not the same from one minute to the next.
 *
 *   handoff   the third node was frozen while all keys were written, and is handed its hints
 *   refill    it comes back with an empty disk
 *   reaping   as many keys of another bucket were deleted
 *   exchange  as handoff, but no node keeps hints: only comparing trees brings it up to date. Alone, because its nodes are started so
 *   grow     a fourth node, which had next to nothing, is given its part of what is there: the weight of one that counts for nothing becomes that of the others
 *   shrink   it gives that back
 *   join      a fourth node starts and takes its part of what is there over
 *   leave     that node hands it back and goes
 *   restart   for comparison: the third was away for a moment in which nothing was written
 *   return    as handoff, but it was stopped and starts anew: both together
 *
 * Rounds to warm up (--warm) do not count: what a process does for the first time it compiles, for seconds on this machine.
 * The exit code is 1 where an answer is wrong, a stage does not end, or the median of a stage's ratios is above --assert.
 *
 *   --stages handoff,reaping,refill --rounds 3 --warm 0 --keys 10000 --value-bytes 1024 --clients 16 --gets 0.5 --durability fsync --dir DIR --assert 1.5
 *   --cpu-prof DIR   every node is profiled in each stage, and in the quiet window before it
 */
import { rmSync } from 'node:fs'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { Cluster } from '../clusters.js'
import { freshDirectory } from '../disk.js'
import { median } from '../measure/statistics.js'
import { profiled } from './profiled.js'
import { type StageName, Stages, stageNames } from './stages.js'

const FIRST_INSPECTOR_PORT = 39_229

const { values: given } = parseArgs({
  options: {
    keys: { type: 'string', default: '10000' },
    'value-bytes': { type: 'string', default: '1024' },
    clients: { type: 'string', default: '16' },
    gets: { type: 'string', default: '0.5' },
    durability: { type: 'string', default: 'fsync' },
    stages: { type: 'string', default: 'handoff,reaping,refill' },
    rounds: { type: 'string', default: '3' },
    warm: { type: 'string', default: '0' },
    assert: { type: 'string' },
    'cpu-prof': { type: 'string' },
    dir: { type: 'string' },
  },
})

function say(line: string): void {
  process.stdout.write(`${line}\n`)
}

function stagesAsked(): StageName[] {
  const asked = given.stages.split(',')
  const stages = stageNames.filter((name) => asked.includes(name))
  if (stages.length < asked.length) throw new Error(`stages are ${stageNames.join(', ')}`)
  if (stages.includes('exchange') && stages.length > 1) throw new Error('the stage exchange runs alone')
  if (changesWeight(stages) && !stages.every((name) => name === 'grow' || name === 'shrink'))
    throw new Error(
      'the stages grow and shrink run without others: their fourth node is there from the start',
    )
  if (stages.includes('leave') && !stages.includes('join'))
    throw new Error('nobody leaves who has not joined')
  return stages
}

function inspectorPorts({ clientPorts }: Cluster): number[] {
  return clientPorts.map((_, number) => FIRST_INSPECTOR_PORT + number)
}

/** Of a fourth node. */
function changesWeight(names: readonly StageName[]): boolean {
  return names.includes('grow') || names.includes('shrink')
}

async function bench(cluster: Cluster, names: readonly StageName[]): Promise<void> {
  const stages = new Stages(cluster, {
    keys: Number(given.keys),
    valueBytes: Number(given['value-bytes']),
    clients: Number(given.clients),
    shareOfGets: Number(given.gets),
    say,
    profiled: (what, window) =>
      profiles === undefined ? window() : profiled(inspectorPorts(cluster), profiles, what, window),
    failed: (why) => {
      say(why)
      process.exitCode = 1
    },
  })
  await stages.prepare()
  const ratios = new Map<StageName, number[]>(names.map((name) => [name, []]))
  for (let round = -Number(given.warm); round < Number(given.rounds); round++)
    for (const name of names) {
      const ratio = await stages.run(name)
      if (round >= 0) ratios.get(name)!.push(ratio)
    }
  stages.close()
  for (const [name, all] of ratios) {
    const middle = median(all)
    say(`${name}: ${middle.toFixed(2)} × quiet (${all.map((ratio) => ratio.toFixed(2)).join(', ')})`)
    if (given.assert !== undefined && middle > Number(given.assert)) process.exitCode = 1
  }
}

const profiles = given['cpu-prof']
const names = stagesAsked()
const directory = freshDirectory(given.dir)
let cluster: Cluster | undefined
try {
  cluster = await Cluster.start({
    system: 'rotunda',
    directory: join(directory, 'rotunda'),
    durability: given.durability,
    nodes: changesWeight(names) ? 4 : 3,
    ...(profiles === undefined ? {} : { firstInspectorPort: FIRST_INSPECTOR_PORT }),
    moreArguments: names.includes('exchange') ? ['--hint-bytes', '1'] : [],
  })
  await bench(cluster, names)
} finally {
  await cluster?.stop()
  rmSync(directory, { recursive: true, force: true })
}
