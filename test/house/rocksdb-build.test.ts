import { spawnSync } from 'node:child_process'
import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { createRequire } from 'node:module'
import os from 'node:os'
import path from 'node:path'
import test from 'ava'
import { findBinary } from '#native'
import { ROOT } from './repository.js'

/**
 * Where the stock binary of RocksDB would end the process, `prepare` compiles the package's source. A stand-in for node-gyp is
 * given to it here, which takes milliseconds instead of minutes and leaves a real binary.
 */
const scratch = mkdtempSync(path.join(os.tmpdir(), 'rotunda-build-'))
test.after.always(() => rmSync(scratch, { recursive: true, force: true }))

const onGlibc = process.platform === 'linux' && process.arch === 'x64' ? test : test.skip
const rocksdbVersion = (createRequire(import.meta.url)('rocksdb/package.json') as { version: string }).version

let folders = 0

/** A checkout whose core is built and whose rocksdb is as npm leaves it when no install script ran. */
function checkout(): string {
  const folder = path.join(scratch, `checkout-${folders++}`)
  for (const file of [
    'native/load.cjs',
    'native/prepare.mjs',
    'native/prepare',
    'native/kernel',
    'crates',
    'Cargo.toml',
    'Cargo.lock',
  ]) {
    cpSync(path.join(ROOT, file), path.join(folder, file), { recursive: true })
  }
  const inPackage = path.join(ROOT, 'node_modules', 'rocksdb')
  cpSync(inPackage, path.join(folder, 'node_modules', 'rocksdb'), {
    recursive: true,
    filter: (from) => !/^(deps|build)/.test(path.relative(inPackage, from)),
  })
  const loader = path.join('node_modules', 'node-gyp-build')
  symlinkSync(path.join(ROOT, loader), path.join(folder, loader), 'junction')
  return folder
}

/** Says what a compiler run says, and then leaves a binary, or fails. */
function standIn(folder: string, ending: string): string {
  const script = path.join(folder, 'node-gyp.js')
  writeFileSync(script, `console.log('  CXX(target) a.o\\n  CC(target) b.o');\n${ending}`)
  return script
}

/** A binary that loads into this Node, as it would come out of a build. */
function leavesBinary(): string {
  const binary =
    findBinary(path.join(ROOT, 'native', 'rocksdb')) ?? findBinary(path.join(ROOT, 'node_modules', 'rocksdb'))
  return `require('node:fs').mkdirSync('build/Release', { recursive: true }); require('node:fs').copyFileSync(${JSON.stringify(binary)}, 'build/Release/leveldown.node')`
}

/** Runs prepare as Node 24 would, whose answer to the stock binary is an abort. */
function prepare(folder: string, nodeGyp: string): { status: number | null; out: string } {
  const pretend = path.join(folder, 'pretend.cjs')
  writeFileSync(
    pretend,
    `Object.defineProperty(process, 'versions', { value: { ...process.versions, node: '24.1.0' } })`,
  )
  const env = {
    ...process.env,
    npm_config_node_gyp: nodeGyp,
    ROCKSDB_PREBUILD: '',
    NODE_OPTIONS: `--require=${pretend}`,
  }
  const { status, stdout, stderr } = spawnSync(process.execPath, ['native/prepare.mjs'], {
    cwd: folder,
    env,
    encoding: 'utf8',
  })
  return { status, out: stdout + stderr }
}

onGlibc('it is compiled once, with a word before and while, and kept outside of node_modules', (t) => {
  const folder = checkout()
  const nodeGyp = standIn(folder, leavesBinary())
  const first = prepare(folder, nodeGyp)
  t.is(first.status, 0, first.out)
  t.regex(first.out, /does not run on Node 24\.1\.0 \(linux-x64-glibc\): compiling it .* about five minutes/)
  t.regex(first.out, /compiling RocksDB: 2 of about \d+ files, 0 min \d+ s/)
  const release = path.join(folder, 'native', 'rocksdb', 'build', 'Release')
  t.is(readFileSync(path.join(release, 'built-from'), 'utf8'), rocksdbVersion)
  t.false(existsSync(path.join(folder, 'node_modules', 'rocksdb', 'build')))
  rmSync(nodeGyp)
  t.deepEqual(prepare(folder, nodeGyp), { status: 0, out: '' })
})

onGlibc('a build of another version of the package does not count', (t) => {
  const folder = checkout()
  const nodeGyp = standIn(folder, leavesBinary())
  prepare(folder, nodeGyp)
  writeFileSync(path.join(folder, 'native', 'rocksdb', 'build', 'Release', 'built-from'), '5.1.0')
  t.regex(prepare(folder, nodeGyp).out, /compiling it/)
})

onGlibc('what an older npm has compiled in its place is taken over, not compiled again', (t) => {
  const folder = checkout()
  const place = path.join(folder, 'node_modules', 'rocksdb', 'build', 'Release')
  mkdirSync(place, { recursive: true })
  const binary =
    findBinary(path.join(ROOT, 'native', 'rocksdb')) ??
    findBinary(path.join(ROOT, 'node_modules', 'rocksdb'))!
  cpSync(binary, path.join(place, 'leveldown.node'))
  t.deepEqual(prepare(folder, path.join(folder, 'no-node-gyp.js')), { status: 0, out: '' })
  t.true(existsSync(path.join(folder, 'native', 'rocksdb', 'build', 'Release', 'rocksdb.node')))
})

onGlibc('a build that fails shows its last lines and says what is needed', (t) => {
  const folder = checkout()
  const said = prepare(
    folder,
    standIn(folder, `console.error('binding.cc:1: no such compiler'); process.exit(7)`),
  )
  t.is(said.status, 1)
  t.regex(said.out, /no such compiler/)
  t.regex(said.out, /It needs a C\+\+ compiler, make and Python 3/)
  t.false(existsSync(path.join(folder, 'native', 'rocksdb', 'build', 'Release', 'rocksdb.node')))
})
