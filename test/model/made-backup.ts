/** Writes a backup that no cluster was asked for, with the product's own writers. */
import * as manifests from '../../src/cli/backup/manifest.js'
import type { RangeEnd } from '../../src/cli/backup/range-file.js'
import { RangeFileWriter } from '../../src/cli/backup/range-file-writer.js'
import type { CopiedRow } from '../../src/wire/copied-rows.js'

const CLUSTER = 'c'.repeat(32)

/** `ranges`: 256 lists of rows in order. */
export async function makeBackup(
  directory: string,
  ranges: readonly (readonly CopiedRow[])[],
): Promise<manifests.Manifest> {
  const begun = manifests.begin({ cluster: CLUSTER, n: 3, q: 256, ring: '0'.repeat(16), members: [] })
  const ends = new Map<number, RangeEnd>()
  for (const [range, rows] of ranges.entries()) {
    const writer = await RangeFileWriter.create(directory, { backup: begun.backup, cluster: CLUSTER, range })
    await writer.add(rows)
    ends.set(range, await writer.finish())
  }
  const manifest = manifests.end(begun, ends, [])
  await manifests.save(directory, manifest)
  return manifest
}
