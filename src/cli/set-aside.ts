/** A data directory that must not be used any more is never deleted: it may hold the last copy of something. */
import { mkdirSync, readdirSync, renameSync } from 'node:fs'
import { join } from 'node:path'

/** What a node keeps of itself; the secret stays where it is. */
const NODE_FILES = ['rows', 'rows-damaged', 'boots', 'reserve']

/** Moves the node's files into a directory beside them, named for the moment, and gives that directory's path. */
export function setAside(dataDirectory: string, wallMs: number): string {
  const stamp = new Date(wallMs).toISOString().replace(/[:.]/g, '-')
  const aside = join(dataDirectory, `set-aside-${stamp}`)
  mkdirSync(aside, { mode: 0o700 })
  const present = new Set(readdirSync(dataDirectory))
  for (const name of NODE_FILES.filter((each) => present.has(each))) {
    renameSync(join(dataDirectory, name), join(aside, name))
  }
  return aside
}
