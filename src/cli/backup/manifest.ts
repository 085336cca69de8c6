/** `manifest.json` of a backup: of which cluster it is, how far the members' histories of reaping had come when it was begun, and, once it is whole, what its files hold. */
import { createHash, randomBytes } from 'node:crypto'
import { open, readFile, rename } from 'node:fs/promises'
import { join } from 'node:path'
import type { HistoryMark } from '../../protocol/reaping/history.js'
import { Fault } from '../ask.js'
import { RANGES, type RangeEnd, rangeName } from './range-file.js'

const NAME = 'manifest.json'
const FORMAT = 1

export interface BackupMember {
  readonly id: string
  readonly name: string
  /** Null: it keeps none, or could not be asked. */
  readonly reapHistory: HistoryMark | null
}

export interface RangeSummary extends RangeEnd {
  /** Two hex digits: the first byte of the row keys. */
  readonly range: string
  readonly name: string
}

export interface Manifest {
  readonly format: 1
  /** 32 hex digits. */
  readonly backup: string
  readonly cluster: string
  readonly n: number
  readonly q: number
  readonly ring: string
  /** When it was begun, and when the last range was written (null: it is not whole); for people. */
  readonly begun: string
  readonly ended: string | null
  readonly members: readonly BackupMember[]
  /** Members that were away: what only they held, as owners or for others, is not in the backup. */
  readonly absent: readonly string[]
  readonly rows: number
  readonly bytes: number
  /** SHA-256 over those of all ranges: two backups of the same rows have the same. */
  readonly content: string
  readonly ranges: readonly RangeSummary[]
}

export type BegunManifest = Pick<Manifest, 'cluster' | 'n' | 'q' | 'ring' | 'members'>

export function begin(found: BegunManifest): Manifest {
  const backup = randomBytes(16).toString('hex')
  const nothing = { absent: [], rows: 0, bytes: 0, content: '', ranges: [] }
  return { format: FORMAT, backup, ...found, begun: new Date().toISOString(), ended: null, ...nothing }
}

/** With all its ranges. */
export function end(
  manifest: Manifest,
  ends: ReadonlyMap<number, RangeEnd>,
  absent: readonly string[],
): Manifest {
  const ranges = Array.from({ length: RANGES }, (_, range) => {
    const found = ends.get(range)
    if (found === undefined) throw new Error(`range ${range} is missing`)
    return { range: range.toString(16).padStart(2, '0'), name: rangeName(range), ...found }
  })
  const content = createHash('sha256')
  for (const range of ranges) content.update(Buffer.from(range.content, 'hex'))
  return {
    ...manifest,
    absent: [...new Set([...manifest.absent, ...absent])].sort(),
    ended: new Date().toISOString(),
    rows: ranges.reduce((sum, { rows }) => sum + rows, 0),
    bytes: ranges.reduce((sum, { bytes }) => sum + bytes, 0),
    content: content.digest('hex'),
    ranges,
  }
}

/** Undefined where there is none. Throws a Fault for one that is not what was written. */
export async function load(directory: string): Promise<Manifest | undefined> {
  const path = join(directory, NAME)
  let text: string
  try {
    text = await readFile(path, 'utf8')
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined
    throw new Fault(`${path} cannot be read: ${(error as Error).message}`)
  }
  const manifest = whole(text)
  if (manifest === undefined) throw new Fault(`${path} is damaged, or no manifest of a backup`)
  if (manifest.format !== FORMAT)
    throw new Fault(`${path} has format ${String(manifest.format)}, which this version does not know`)
  return manifest
}

/** Synced, and all at once. */
export async function save(directory: string, manifest: Manifest): Promise<void> {
  const path = join(directory, NAME)
  const text = `${JSON.stringify({ ...manifest, checksum: checksum(manifest) }, undefined, 1)}\n`
  await replaceFile(path, text)
  await syncDirectory(directory)
}

export async function replaceFile(path: string, text: string): Promise<void> {
  const partial = `${path}.${randomBytes(4).toString('hex')}.partial`
  const handle = await open(partial, 'wx', 0o600)
  try {
    await handle.writeFile(text)
    await handle.sync()
  } finally {
    await handle.close()
  }
  await rename(partial, path)
}

/** Names in it are on the disk. Windows has no such thing. */
export async function syncDirectory(directory: string): Promise<void> {
  if (process.platform === 'win32') return
  const handle = await open(directory, 'r')
  try {
    await handle.sync()
  } finally {
    await handle.close()
  }
}

function checksum(manifest: Manifest): string {
  return createHash('sha256').update(JSON.stringify(manifest)).digest('hex')
}

function whole(text: string): Manifest | undefined {
  try {
    const { checksum: told, ...manifest } = JSON.parse(text) as Manifest & { checksum: string }
    return told === checksum(manifest) ? manifest : undefined
  } catch {
    return undefined
  }
}
