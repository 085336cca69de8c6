/**
 * Real nodes on this machine, real clients, real trouble.
 *
 *   npm run chaos -- --minutes 10 --seed 1
 *   npm run chaos -- --seconds 60 --only kill,pause
 *
 * Exit code 0: nothing was found; 1: something was; 2: the command line was not understood.
 */
import { canIsolate, isIsolated, runIsolated } from './isolation.js'
import { optionsFrom, UsageError } from './options.js'
import { run } from './run.js'

async function main(): Promise<number> {
  const options = optionsFrom(process.argv.slice(2))
  if (!isIsolated() && canIsolate()) return runIsolated()
  return run(options)
}

try {
  process.exitCode = await main()
} catch (error) {
  if (!(error instanceof Error)) throw error
  console.error(error instanceof UsageError ? error.message : error.stack)
  process.exitCode = error instanceof UsageError ? 2 : 1
}
