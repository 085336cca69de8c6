/**
 * Makes the npm tarball:   node native/packaging/pack.mjs [--out DIR]
 *
 * It holds binaries for this machine's platform and for every other whose prebuilds lie in native/kernel/prebuilds and
 * native/rocksdb/prebuilds (CI gathers them there). Whoever installs it needs no compiler and runs no script.
 */
import { mkdirSync, mkdtempSync, readdirSync, rmSync, statSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { parseArgs } from 'node:util'
import { compile } from '../prepare/compile.mjs'
import { prepareKernel } from '../prepare/kernel.mjs'
import { prepareRocksdb } from '../prepare/rocksdb.mjs'
import { Impossible, ROOT, run, say } from '../prepare/run.mjs'
import { npmScript } from './npm.mjs'
import { stage } from './stage.mjs'

/** Packs into `out` and gives the tarball's path. */
export async function pack(out) {
  await prepareKernel()
  await prepareRocksdb({ toShip: true })
  await compile()
  const folder = mkdtempSync(path.join(os.tmpdir(), 'rotunda-package-'))
  try {
    stage(folder)
    mkdirSync(out, { recursive: true })
    const { code } = await run(
      process.execPath,
      [npmScript(), 'pack', '--loglevel=error', '--pack-destination', out],
      { cwd: folder, onText: () => {} },
    )
    if (code !== 0) throw new Impossible('npm pack failed.')
    return path.join(
      out,
      readdirSync(out).find((name) => name.endsWith('.tgz')),
    )
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

if (process.argv[1] === import.meta.filename) {
  const { values } = parseArgs({
    options: { out: { type: 'string', default: path.join(ROOT, 'dist', 'package') } },
  })
  try {
    rmSync(values.out, { recursive: true, force: true })
    const tarball = await pack(path.resolve(values.out))
    say(`${tarball} (${(statSync(tarball).size / 1e6).toFixed(1)} MB)`)
  } catch (error) {
    if (!(error instanceof Impossible)) throw error
    process.stderr.write(`${error.message}\n`)
    process.exitCode = 1
  }
}
