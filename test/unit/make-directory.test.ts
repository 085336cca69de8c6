import { chmodSync, existsSync, mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import test from 'ava'
import { makeDirectory } from '../../src/io/make-directory.js'

const root = mkdtempSync(join(tmpdir(), 'rotunda-directory-'))
test.after.always(() => rmSync(root, { recursive: true, force: true }))

test('what is missing above it is made too, for this user alone; what is there stays as it is', (t) => {
  chmodSync(root, 0o755)
  makeDirectory(join(root, 'a', 'b', 'c'))
  makeDirectory(join(root, 'a', 'b', 'c'))
  t.true(statSync(join(root, 'a', 'b', 'c')).isDirectory())
  if (process.platform === 'win32') return
  for (const path of ['a', 'a/b', 'a/b/c']) t.is(statSync(join(root, path)).mode & 0o777, 0o700)
  t.is(statSync(root).mode & 0o777, 0o755)
})

test('a file in its place, or on the way, is an error', (t) => {
  writeFileSync(join(root, 'file'), '')
  t.throws(() => makeDirectory(join(root, 'file')), { code: 'EEXIST' })
  t.throws(() => makeDirectory(join(root, 'file', 'below')), { code: 'ENOTDIR' })
})

const onLinux = existsSync('/proc/self') ? test : test.skip

onLinux('where no directory can be made at all, it says so and comes to an end', (t) => {
  t.throws(() => makeDirectory('/proc/rotunda/data'), { code: 'ENOENT' })
})
