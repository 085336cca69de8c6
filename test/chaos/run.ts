/** One run: a cluster is started, clients work while faults strike, everything is healed and read, and the history judged. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { SingleBar } from 'cli-progress'
import type { Invariant } from '../sim/check/violation.js'
import { Prng } from '../sim/prng.js'
import { Writes } from './asker.js'
import { ChaosCluster } from './chaos-cluster.js'
import { Client } from './client.js'
import { judgeRows } from './disk-rows.js'
import { Ending } from './ending.js'
import { History } from './history.js'
import { Judge } from './judge.js'
import { Keys } from './keys.js'
import { Meter } from './meter.js'
import { Nemeses } from './nemeses.js'
import type { Options } from './options.js'
import { type Machine, possible, probe } from './probe.js'
import { availabilityLines, faultLines, meterLines, replayLine, verdictLines } from './report.js'
import { FAULTS, NETWORK_FAULTS, NODE_FAULTS, schedule } from './schedule.js'

const BAR_MS = 250

/** Resolves to the exit code. */
export async function run(options: Options): Promise<number> {
  const directory = mkdtempSync(join(tmpdir(), 'rotunda-chaos-'))
  const machine = probe(directory)
  const cluster = await ChaosCluster.start(directory, machine, options)
  // What was started must not outlive whoever asked for it.
  for (const signal of ['SIGINT', 'SIGTERM'] as const)
    process.once(signal, () => cluster.end().then(() => process.exit(130)))
  let isSound = false
  try {
    isSound = await trouble(directory, cluster, machine, options)
  } finally {
    await cluster.end()
    if (isSound && !options.keep) rmSync(directory, { recursive: true, force: true, maxRetries: 3 })
    else console.log(`history, logs and disks are in ${directory}`)
  }
  return isSound ? 0 : 1
}

/** True when nothing was found. */
async function trouble(
  directory: string,
  cluster: ChaosCluster,
  machine: Machine,
  options: Options,
): Promise<boolean> {
  const history = new History(join(directory, 'history.jsonl'))
  const parts = { cluster, history, writes: new Writes(), keys: new Keys() }
  const meter = new Meter(cluster)
  const metering = new AbortController()
  const watching = meter.watch(metering.signal)
  const struck = await strike(parts, machine, options)
  const ending = new Ending(parts)
  await ending.run()
  metering.abort()
  await watching
  history.close()

  const judge = new Judge({ nodes: options.nodes, n: cluster.n })
  judge.replay(history.events)
  const checked = new Set<Invariant>(ending.checked)
  let rows = 0
  if (ending.failing !== undefined) judge.violations.add(ending.failing.invariant, ending.failing.sentence)
  else if (ending.ring !== undefined) {
    rows = await judgeRows(cluster, ending.ring, judge)
    for (const invariant of ['A1', 'A2', 'A3', 'A7', 'A12', 'crash'] as const) checked.add(invariant)
  }
  for (const crash of cluster.nodes.flatMap(({ crashes }) => crashes)) judge.violations.add('crash', crash)
  if (meter.sum('bugs_total') > 0)
    judge.violations.add('crash', `nodes logged ${meter.sum('bugs_total')} bugs`)

  const { acknowledged, reads, listings, finalReads } = judge.judged
  const isAll = options.only.length === FAULTS.length
  const lines = [
    `seed ${options.seed}: ${options.nodes} nodes, ${options.clients} clients, ${options.durationMs / 1_000} s of faults`,
    ...faultLines(options.only, machine, struck),
    ...availabilityLines(history.events),
    `judged: ${acknowledged} acknowledged writes, ${reads} reads (${finalReads} of them in the end), ${listings} listings, ${rows} keys on disks`,
    ending.failing === undefined
      ? `alike ${ending.convergedMs} ms after the last fault`
      : 'the cluster did not become whole and alike',
    ...meterLines(meter),
    ...verdictLines({ checked, violations: judge.violations.found }),
  ]
  for (const line of lines) console.log(line)
  if (judge.violations.any) console.log(replayLine(options, isAll))
  return !judge.violations.any
}

/** Clients work while both lanes of faults strike; resolves with what struck when all of them have ended. */
async function strike(
  parts: { cluster: ChaosCluster; history: History; writes: Writes; keys: Keys },
  machine: Machine,
  { seed, durationMs, nodes, clients, only }: Options,
): Promise<Nemeses['struck']> {
  const over = new AbortController()
  const nemeses = new Nemeses(parts.cluster, parts.history, over.signal)
  const faults = possible(machine, only)
  const course = { nodes, durationMs }
  const onNodes = schedule(
    seed,
    'nodes',
    NODE_FAULTS.filter((fault) => faults.includes(fault)),
    course,
  )
  const onNetwork = schedule(
    seed,
    'network',
    NETWORK_FAULTS.filter((fault) => faults.includes(fault)),
    course,
  )
  const prng = new Prng(`chaos ${seed}`)
  const working = Array.from({ length: clients }, (_, index) =>
    new Client(`c${index + 1}`, parts, prng.split(`client ${index + 1}`)).work(over.signal),
  )
  const striking = [nemeses.nodeLane(onNodes), nemeses.networkLane(onNetwork)]
  await showTime(durationMs)
  over.abort()
  await Promise.all([...working, ...striking])
  return nemeses.struck
}

async function showTime(durationMs: number): Promise<void> {
  const bar = new SingleBar({ format: '{bar} {value}/{total} s of faults', hideCursor: true })
  bar.start(Math.round(durationMs / 1_000), 0)
  const startedMs = performance.now()
  for (let spentMs = 0; spentMs < durationMs; spentMs = performance.now() - startedMs) {
    bar.update(Math.round(spentMs / 1_000))
    await sleep(Math.min(BAR_MS, durationMs - spentMs))
  }
  bar.stop()
}
