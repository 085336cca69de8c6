/** `rotunda backup DIR`: a copy of every key of a cluster under load, one file for each 256th of the hashes. Stopped, it goes on with what is missing when it is begun again. */
import { mkdir, readdir, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { Fault } from '../ask.js'
import type { Invocation } from '../resolve.js'
import { complain, printJson, printLine } from '../terminal.js'
import { Bar, count, size } from './bar.js'
import { inTurn } from './in-turn.js'
import * as manifests from './manifest.js'
import { Members } from './members.js'
import { RANGES, type RangeEnd, rangeName } from './range-file.js'
import { readRangeFile } from './range-file-reader.js'
import { PARTIAL, RangeFileWriter } from './range-file-writer.js'
import { RangeSource } from './range-source.js'

/** Ranges under way: enough that no node waits for the one that asks. */
const AT_ONCE = 6

export async function backup({ settings, operands }: Invocation): Promise<number> {
  const [directory] = operands as [string]
  const members = await Members.find(settings.url)
  try {
    const begun = await prepared(directory, members)
    const manifest = await copied(directory, begun, members)
    const { absent } = manifest
    if (settings.json) await printJson(manifest)
    else await printLine(summary(directory, manifest))
    if (absent.length > 0)
      complain(
        `${absent.join(', ')} could not be asked for everything: what only they held is not in the backup`,
      )
    return 0
  } finally {
    members.close()
  }
}

function summary(directory: string, { rows, bytes, content }: manifests.Manifest): string {
  return `${count(rows)} keys, ${size(bytes)}, in ${directory}; content ${content}`
}

/** The manifest of a backup that was begun here and not ended, or a new one. */
async function prepared(directory: string, members: Members): Promise<manifests.Manifest> {
  await mkdir(directory, { recursive: true, mode: 0o700 })
  const found = await manifests.load(directory)
  if (found !== undefined) return resumed(directory, found, members)
  const others = (await readdir(directory)).filter((name) => !name.endsWith(PARTIAL))
  if (others.length > 0)
    throw new Fault(`${directory} is not empty, and holds no backup: name another directory`)
  const ring = await members.ring()
  const { n } = members.settings
  // Before anything is read: what goes later than this, the backup may bring back.
  const known = await Promise.all(
    members.all.map(async (member) => ({ member, history: await members.history(member) })),
  )
  const manifest = manifests.begin({
    cluster: members.clusterId,
    n,
    q: ring.q,
    ring: ring.digest,
    members: known.map(({ member: { id, name }, history }) => ({
      id,
      name,
      reapHistory: history == null ? null : { history: history.history, rounds: history.rounds },
    })),
  })
  await manifests.save(directory, manifest)
  return manifest
}

function resumed(directory: string, found: manifests.Manifest, members: Members): manifests.Manifest {
  if (found.ended !== null)
    throw new Fault(`${directory} holds the backup of ${found.begun}, which is whole: name another directory`)
  if (found.cluster !== members.clusterId)
    throw new Fault(`the backup begun in ${directory} is of another cluster: name another directory`)
  return found
}

async function copied(
  directory: string,
  begun: manifests.Manifest,
  members: Members,
): Promise<manifests.Manifest> {
  const source = new RangeSource(members, await members.ring())
  const bar = new Bar('Backup', RANGES)
  let absent: readonly string[] = begun.absent
  const ends = new Map<number, RangeEnd>()
  try {
    await inTurn(Array(RANGES).keys(), AT_ONCE, async (range) => {
      const end =
        (await finished(directory, begun, range)) ?? (await copyRange(directory, begun, range, source, bar))
      ends.set(range, end)
      bar.step()
      if (source.absent.size + begun.absent.length === absent.length) return
      // Should this run be stopped, the next one still knows of it.
      absent = [...begun.absent, ...source.absent]
      await manifests.save(directory, { ...begun, absent })
    })
  } finally {
    bar.stop()
  }
  const manifest = manifests.end(begun, ends, [...source.absent])
  await manifests.syncDirectory(directory)
  await manifests.save(directory, manifest)
  const partial = (await readdir(directory)).filter((name) => name.endsWith(PARTIAL))
  for (const name of partial) await rm(join(directory, name), { force: true })
  return manifest
}

/** A file that an earlier run has written, if it is whole and of this backup. */
async function finished(
  directory: string,
  { backup: name }: manifests.Manifest,
  range: number,
): Promise<RangeEnd | undefined> {
  const { head, end } = await readRangeFile(join(directory, rangeName(range)))
  return head?.backup === name && head.range === range ? end : undefined
}

async function copyRange(
  directory: string,
  { backup: name, cluster }: manifests.Manifest,
  range: number,
  source: RangeSource,
  bar: Bar,
): Promise<RangeEnd> {
  const writer = await RangeFileWriter.create(directory, { backup: name, cluster, range })
  try {
    for await (const rows of source.read(range)) {
      await writer.add(rows)
      bar.read(
        rows.length,
        rows.reduce((sum, { object }) => sum + object.length, 0),
      )
    }
    return await writer.finish()
  } catch (error) {
    await writer.abandon()
    throw error
  }
}
