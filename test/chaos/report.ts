/** What a run comes to, in lines for a person; lines that begin with ✔ or ✘ are counted by the script that runs all checks. */

import type { Invariant, Violation } from '../sim/check/violation.js'
import { gitCommit } from '../sim/git-commit.js'
import type { HistoryEvent } from './history.js'
import type { Meter } from './meter.js'
import type { Options } from './options.js'
import type { Machine } from './probe.js'
import type { Fault } from './schedule.js'

/** What every run puts to the test, as it should be. */
export const PROMISES = {
  A1: 'no acknowledged write is lost',
  A2: 'siblings are exactly the concurrent writes',
  A3: 'nothing deleted came back',
  A4: 'every node came back, and all replicas are alike, byte for byte',
  A5: 'after healing every node takes writes',
  A7: 'one dot is one write',
  A8: 'everything kept for others was handed over',
  A12: 'no bytes that nobody wrote, nothing refused that is there',
  listing: 'listings show exactly the live keys',
  crash: 'no node ended by itself, none failed to stop, none met a bug',
} as const satisfies Partial<Record<Invariant, string>>
export type Promised = keyof typeof PROMISES

export interface Verdict {
  /** Promises that were put to the test to the end. */
  readonly checked: ReadonlySet<Invariant>
  readonly violations: readonly Violation[]
}

/** One line for each promise, and the sentences of what broke it. */
export function verdictLines({ checked, violations }: Verdict): string[] {
  const promised = Object.entries(PROMISES) as [Promised, string][]
  const lines = promised.flatMap(([invariant, sentence]) => {
    const broken = violations.filter((violation) => violation.invariant === invariant)
    if (broken.length > 0)
      return [`  ✘ ${invariant} ${sentence}`, ...broken.map((violation) => `      ${violation.sentence}`)]
    return checked.has(invariant)
      ? [`  ✔ ${invariant} ${sentence}`]
      : [`  - ${invariant} not checked: ${sentence}`]
  })
  const others = violations.filter(({ invariant }) => !(invariant in PROMISES))
  return [...lines, ...others.map(({ invariant, sentence }) => `  ✘ ${invariant} ${sentence}`)]
}

/** Which faults ran and which could not; a fault that was asked for and never came up is named too. */
export function faultLines(
  asked: readonly Fault[],
  machine: Machine,
  struck: ReadonlyMap<Fault, number>,
): string[] {
  const ran = asked.filter((fault) => struck.has(fault)).map((fault) => `${fault} ${struck.get(fault)}`)
  const missed = asked.filter((fault) => !struck.has(fault))
  const why = missed.map(
    (fault) => `${fault} (${machine.cannot.get(fault) ?? 'the time was over before its turn'})`,
  )
  return [`faults run: ${ran.join(', ') || 'none'}`, `faults not run: ${why.join(', ') || 'none'}`]
}

/** Requests of clients while faults struck: how many were done. No verdict: on a loaded machine it says little. */
export function availabilityLines(events: readonly HistoryEvent[]): string[] {
  const asked = new Map<number, 'read' | 'write'>()
  const counts = { read: { ok: 0, fail: 0, info: 0 }, write: { ok: 0, fail: 0, info: 0 } }
  for (const event of events) {
    if (event.type === 'invoke') {
      if (event.client !== 'ending')
        asked.set(event.op, event.f === 'put' || event.f === 'delete' ? 'write' : 'read')
    } else if ('op' in event) {
      const kind = asked.get(event.op)
      if (kind !== undefined) counts[kind][event.type] += 1
    }
  }
  return (['read', 'write'] as const).map((kind) => {
    const { ok, fail, info } = counts[kind]
    const share = ok + fail + info === 0 ? 0 : (100 * ok) / (ok + fail + info)
    const others = kind === 'read' ? `${fail + info} not` : `${fail} certainly not, ${info} unknown`
    return `${kind}s: ${share.toFixed(1)} % done (${ok}), ${others}`
  })
}

export function meterLines(meter: Meter): string[] {
  const rss = [...meter.peakRss].sort().map(([name, bytes]) => `${name} ${Math.round(bytes / 1_048_576)} MiB`)
  const repair = Math.round(meter.sum('exchange_bytes_sent_total') / 1_024)
  const keys = meter.sum('exchange_keys_repaired_total')
  return [
    `peak memory: ${rss.join(', ')}`,
    `repair by comparing trees: ${repair} KiB sent, ${keys} rows; storage fenced ${meter.sum('storage_fences_total')} times, ${meter.sum('storage_tables_mended_total')} damaged tables taken out`,
  ]
}

export function replayLine(
  { seed, durationMs, nodes, clients, only, canary }: Options,
  isAll: boolean,
): string {
  const faults = isAll ? '' : ` --only ${only.join()}`
  const bug = canary === undefined ? '' : ` --canary ${canary}`
  return `the same schedule again: npm run chaos -- --seed ${seed} --seconds ${durationMs / 1_000} --nodes ${nodes} --clients ${clients}${faults}${bug}   (commit ${gitCommit()})`
}
