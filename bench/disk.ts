/** A benchmark of synced writes on a file system that lives in memory would be a lie. */
import { mkdirSync, mkdtempSync, statfsSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { UsageError } from './options.js'

/** Linux magic numbers of tmpfs and ramfs (statfs(2)). */
const IN_MEMORY = new Set([0x01021994, 0x858458f6])

/** A fresh directory for the run. Throws a UsageError where it would be in memory. */
export function freshDirectory(parent: string | undefined): string {
  const under = parent ?? tmpdir()
  mkdirSync(under, { recursive: true })
  if (process.platform === 'linux' && IN_MEMORY.has(statfsSync(under).type)) {
    throw new UsageError(`${under} is in memory: give --dir a directory on a disk`)
  }
  return mkdtempSync(join(under, 'rotunda-bench-'))
}
