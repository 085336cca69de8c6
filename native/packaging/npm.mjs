/** Finds npm's own script, so that it can be run by this Node without a shell. */
import { existsSync } from 'node:fs'
import path from 'node:path'
import { Impossible } from '../prepare/run.mjs'

export function npmScript() {
  const inNpm = ['node_modules', 'npm', 'bin', 'npm-cli.js']
  const beside = path.dirname(process.execPath)
  const candidates = [
    process.env.npm_execpath,
    path.join(beside, ...inNpm),
    path.join(beside, '..', 'lib', ...inNpm),
  ]
  const found = candidates.find((candidate) => candidate?.endsWith('npm-cli.js') && existsSync(candidate))
  if (found === undefined) throw new Impossible('npm was not found beside Node: start this with npm run.')
  return found
}
