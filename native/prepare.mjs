/**
 * Makes what a checkout needs and does not have, and nothing else:
 *
 *   node native/prepare.mjs              the native core, and RocksDB's binding where its stock one does not run
 *   node native/prepare.mjs --compile    that, and dist/ where the TypeScript sources are newer
 *   node native/prepare.mjs --ship       the native parts as a package needs them: fit for every supported Node, not only for this one
 *
 * `npm ci` runs the first through the `prepare` script, `npm start` and `npm test` run the second, so that they also work
 * after an install that ran no scripts. When all is there it takes a fraction of a second. No shell, so it runs on Windows too.
 */
import { compile } from './prepare/compile.mjs'
import { prepareKernel } from './prepare/kernel.mjs'
import { prepareRocksdb } from './prepare/rocksdb.mjs'
import { Impossible } from './prepare/run.mjs'

const flags = new Set(process.argv.slice(2))

try {
  await prepareKernel()
  await prepareRocksdb({ toShip: flags.has('--ship') })
  if (flags.has('--compile')) await compile()
} catch (error) {
  if (!(error instanceof Impossible)) throw error
  process.stderr.write(`\n${error.message}\n`)
  process.exitCode = 1
}
