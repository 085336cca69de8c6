/**
 * All tests: the kernel's in Rust, then everything in TypeScript. The second half runs also when the first has failed.
 *
 *   npm test                                        all
 *   npm test -- dist/test/unit/row.test.js          one file of the second half
 */
import { spawnSync } from 'node:child_process'
import path from 'node:path'
import { fileURLToPath } from 'node:url'

const root = fileURLToPath(new URL('..', import.meta.url))
const only = process.argv.slice(2)

function passes(program, args) {
  const { status, error } = spawnSync(program, args, { cwd: root, stdio: 'inherit' })
  if (error?.code === 'ENOENT')
    process.stderr.write(`${program} is not installed: its tests could not run.\n`)
  return status === 0
}

const rust =
  only.length > 0 || passes('cargo', ['test', '--release', '--locked', '--package', 'rotunda-kernel'])
const typescript = passes(process.execPath, [
  path.join(root, 'node_modules', 'ava', 'entrypoints', 'cli.mjs'),
  ...only,
])
process.exitCode = rust && typescript ? 0 : 1
