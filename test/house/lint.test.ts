import { spawnSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import os from 'node:os'
import path from 'node:path'
import test from 'ava'
import { ROOT } from './repository.js'

/** Functions of more than 70 lines: counted by biome, which parses them. Here it is shown that its rule is on, and kept. */
const RULE = 'complexity/noExcessiveLinesPerFunction'

const scratch = mkdtempSync(path.join(os.tmpdir(), 'rotunda-lint-'))
test.after.always(() => rmSync(scratch, { recursive: true, force: true }))

function biome(folder: string): { status: number | null; out: string } {
  const script = createRequire(import.meta.url).resolve('@biomejs/biome/bin/biome')
  const args = [script, 'lint', `--only=${RULE}`, '--max-diagnostics=20', '--colors=off', '.']
  const { status, stdout, stderr } = spawnSync(process.execPath, args, { cwd: folder, encoding: 'utf8' })
  return { status, out: stdout + stderr }
}

function functionOf(lines: number): string {
  return `export function f(g: (n: number) => void): { a: number } {\n${'  g(1)\n'.repeat(lines - 1)}  return { a: 1 }\n}\n`
}

test('a function of 71 lines is refused, one of 70 is not', (t) => {
  const config = JSON.parse(readFileSync(path.join(ROOT, 'biome.json'), 'utf8')) as Record<string, unknown>
  writeFileSync(path.join(scratch, 'biome.json'), JSON.stringify({ ...config, vcs: { enabled: false } }))
  writeFileSync(path.join(scratch, 'function.ts'), functionOf(70))
  const fine = biome(scratch)
  t.is(fine.status, 0, fine.out)
  writeFileSync(path.join(scratch, 'function.ts'), functionOf(71))
  const refused = biome(scratch)
  t.not(refused.status, 0)
  t.regex(refused.out, /noExcessiveLinesPerFunction/)
})

test('no function in the repository is longer', (t) => {
  const { status, out } = biome(ROOT)
  t.is(status, 0, out)
})
