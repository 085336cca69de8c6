/**
 * `rotunda restore DIR`: joins every key of a backup with what the cluster holds, by causality: what is newer there stays. A value that may have been deleted since the
 * backup is left out unless it is asked for. Stopped, it goes on with what is missing when it is begun again.
 */
import { join } from 'node:path'
import { Fault } from '../ask.js'
import type { Invocation } from '../resolve.js'
import { complain, printJson, printLine } from '../terminal.js'
import { Bar, count } from './bar.js'
import { inTurn } from './in-turn.js'
import * as manifests from './manifest.js'
import { Members } from './members.js'
import { RANGES, rangeName } from './range-file.js'
import { readRangeFile, type Verdict } from './range-file-reader.js'
import { RestoreProgress } from './restore-progress.js'
import { RestoreTarget } from './restore-target.js'

/** Ranges under way: while a block of one is with a node, the next of another is read. */
const AT_ONCE = 4

interface DamagedFile {
  readonly name: string
  readonly damage: readonly string[]
  /** Rows in blocks that are whole. */
  readonly intact: number
  readonly restored: boolean
}

/** What is printed with --json. */
interface Report {
  readonly keys: number
  readonly written: number
  /** Their owners had them already. */
  readonly known: number
  /** Left out: they may have been deleted since. */
  readonly held: number
  /** Ranges that an earlier run had done. */
  readonly skipped: number
  /** A member could tell what may have been deleted since. */
  readonly canTell: boolean
  readonly damaged: readonly DamagedFile[]
}

interface Restore {
  readonly directory: string
  readonly manifest: manifests.Manifest
  readonly salvage: boolean
  readonly target: RestoreTarget
  readonly progress: RestoreProgress
  readonly bar: Bar
  readonly counts: { keys: number; written: number; known: number; held: number }
  readonly damaged: DamagedFile[]
}

export async function restore({ settings, operands }: Invocation): Promise<number> {
  const [directory] = operands as [string]
  const { allowReaped, salvage, url } = settings
  const manifest = await found(directory, salvage)
  const members = await Members.find(url)
  try {
    const of = { backup: manifest.backup, cluster: members.clusterId, allowReaped }
    const target = await RestoreTarget.find(members, manifest, allowReaped)
    const progress = await RestoreProgress.load(directory, of)
    const skipped = progress.size
    if (skipped > 0) complain(`goes on where it was stopped: ${skipped} of ${RANGES} ranges are done`)
    const bar = new Bar('Restore', RANGES)
    const counts = { keys: 0, written: 0, known: 0, held: 0 }
    const work = { directory, manifest, salvage, target, progress, bar, counts, damaged: [] }
    try {
      await inTurn(Array(RANGES).keys(), AT_ONCE, (range) => restoreRange(work, range))
    } finally {
      bar.stop()
    }
    await progress.end()
    const { canTell } = target
    const { damaged } = work as Restore
    return await told({ ...counts, skipped, canTell, damaged }, settings.json)
  } finally {
    members.close()
  }
}

async function found(directory: string, salvage: boolean): Promise<manifests.Manifest> {
  const manifest = await manifests.load(directory)
  if (manifest === undefined) throw new Fault(`${directory} holds no backup: it has no manifest`)
  if (manifest.ended === null && !salvage)
    throw new Fault(
      `the backup in ${directory} was never ended: "rotunda backup" goes on with it, and --salvage restores what is there`,
    )
  return manifest
}

async function restoreRange(work: Restore, range: number): Promise<void> {
  const { directory, manifest, salvage, target, progress, bar, counts, damaged } = work
  const before = progress.heldOf(range)
  if (before !== undefined) {
    counts.held += before
    bar.step()
    return
  }
  const path = join(directory, rangeName(range))
  // All of it, before anything of it is believed.
  const verdict = await readRangeFile(path)
  const damage = [...verdict.damage, ...contradictions(manifest, range, verdict)]
  const isOurs = verdict.head?.backup === manifest.backup && verdict.head.range === range
  if (damage.length > 0) {
    const restored = salvage && isOurs
    damaged.push({ name: rangeName(range), damage, intact: verdict.intact, restored })
    if (!restored) return bar.step()
  }
  let held = 0
  await readRangeFile(path, async (block) => {
    const outcome = await target.send(block)
    counts.keys += block.count
    counts.written += outcome.written
    counts.known += outcome.known
    held += outcome.held
    bar.read(block.count, block.rows.length)
  })
  counts.held += held
  await progress.done(range, held)
  bar.step()
}

/** The file is whole by itself, and still not the one that the manifest tells of. */
function contradictions(
  { backup, ranges }: manifests.Manifest,
  range: number,
  { head, end }: Verdict,
): string[] {
  if (end === undefined) return []
  if (head?.backup !== backup || head.range !== range)
    return ['it belongs to another backup or another range']
  const told = ranges[range]
  return told === undefined || told.file === end.file ? [] : ['it is not the file that the manifest tells of']
}

/** The exit code: 1 where something of the backup is not in the cluster. */
async function told(report: Report, json: boolean): Promise<number> {
  const { keys, written, known, held, canTell, damaged } = report
  if (json) await printJson(report)
  else
    await printLine(
      `${count(keys)} keys read, ${count(written)} restored${known > 0 ? `, ${count(known)} known already` : ''}`,
    )
  for (const { name, damage, intact, restored } of damaged) {
    const what = restored
      ? `${count(intact)} keys of it were restored`
      : 'nothing of it was restored; --salvage restores what can be read'
    complain(`${name} is damaged (${damage.join('; ')}): ${what}`)
  }
  if (held > 0) complain(heldText(held, canTell))
  return held > 0 || damaged.length > 0 ? 1 : 0
}

function heldText(held: number, canTell: boolean): string {
  const keys =
    held === 1 ? '1 key was left out: its value' : `${count(held)} keys were left out: their values`
  const why = canTell
    ? 'may have been deleted since the backup was begun, for tombstones near them have gone since'
    : 'may have been deleted since the backup was begun, and no member has been there since then to tell'
  return `${keys} ${why}. Nothing of them was written; --allow-reaped restores them too`
}
