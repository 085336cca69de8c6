/**
 * Makes this machine's binaries and lays them where a package takes them from: native/<name>/prebuilds/<platform>-<arch>/.
 * CI runs it once on each platform, in the oldest environment that Node itself supports there, and gathers the results.
 */
import { writeFileSync } from 'node:fs'
import path from 'node:path'
import loader from '../load.cjs'
import { kernelFingerprint, prepareKernel } from '../prepare/kernel.mjs'
import { packageFolder, prepareRocksdb } from '../prepare/rocksdb.mjs'
import { Impossible, loads, ROOT, say } from '../prepare/run.mjs'
import { copyBinary, prebuildPath } from './stage.mjs'

/** Lays one binary and, beside it, what it was made from, so that the machine that packs takes it for what it is. */
async function lay(name, madeFrom) {
  const file = path.join(ROOT, 'native', name, 'prebuilds', prebuildPath(name, loader.thisRuntime()))
  copyBinary(name, file)
  writeFileSync(path.join(path.dirname(file), 'built-from'), madeFrom)
  if (!(await loads(file))) throw new Impossible(`${file} does not load.`)
  say(path.relative(ROOT, file))
}

try {
  await prepareKernel()
  await prepareRocksdb({ toShip: true })
  await lay('kernel', kernelFingerprint())
  await lay('rocksdb', packageFolder().version)
} catch (error) {
  if (!(error instanceof Impossible)) throw error
  process.stderr.write(`${error.message}\n`)
  process.exitCode = 1
}
