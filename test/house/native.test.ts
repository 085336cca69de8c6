import { spawnSync } from 'node:child_process'
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import test from 'ava'
import { type Runtime, wouldAbort } from '#native'
import { ROOT } from './repository.js'

/** The doors to native code, in folders of their own: what they say when something is missing, and what they must never do. */
const scratch = mkdtempSync(path.join(os.tmpdir(), 'rotunda-native-'))
test.after.always(() => rmSync(scratch, { recursive: true, force: true }))

let folders = 0

/** A package folder with the loader in it and our node_modules beside it, without any binary of ours. */
function emptyCheckout(...extra: string[]): string {
  const folder = path.join(scratch, `checkout-${folders++}`)
  for (const file of [
    'native/load.cjs',
    'native/rotunda.cjs',
    'native/prepare.mjs',
    'native/prepare',
    'package.json',
    ...extra,
  ]) {
    cpSync(path.join(ROOT, file), path.join(folder, file), {
      recursive: true,
      filter: (from) => !from.includes('target'),
    })
  }
  symlinkSync(path.join(ROOT, 'node_modules'), path.join(folder, 'node_modules'), 'junction')
  return folder
}

interface Said {
  readonly status: number | null
  readonly signal: string | null
  readonly out: string
}

function node(folder: string, args: readonly string[], env: Record<string, string> = {}): Said {
  const clean = { ...process.env, ROCKSDB_PREBUILD: '', NODE_OPTIONS: '', ...env }
  const { status, signal, stdout, stderr } = spawnSync(process.execPath, args, {
    cwd: folder,
    env: clean,
    encoding: 'utf8',
  })
  return { status, signal, out: stdout + stderr }
}

/** Loads, and prints how it went. `node` pretends to be another Node version before the loader looks. */
function loadIn(
  folder: string,
  what: 'loadKernel' | 'loadRocksdb',
  pretended?: string,
  env: Record<string, string> = {},
): Said {
  const pretend = pretended
    ? `Object.defineProperty(process, 'versions', { value: { ...process.versions, node: '${pretended}' } });`
    : ''
  const script = `${pretend} const native = require('./native/load.cjs'); try { native.${what}(); console.log('loaded') } catch (e) { console.log(e.name, e.code, e.message) }`
  return node(folder, ['-e', script], env)
}

const linux: Runtime = { platform: 'linux', arch: 'x64', libc: 'glibc', nodeMajor: 24 }
const stock = path.join(scratch, 'stock')
const stockFile = path.join(stock, 'prebuilds', 'linux-x64', 'node.napi.glibc.node')

for (const nodeMajor of [21, 22, 24, 26]) {
  test(`the stock glibc binary would abort on Node ${nodeMajor}`, (t) => {
    t.true(wouldAbort(stockFile, stock, { ...linux, nodeMajor }))
  })
}

test('nothing else would: Node 20, musl, other systems, and a build of our own', (t) => {
  t.false(wouldAbort(stockFile, stock, { ...linux, nodeMajor: 20 }))
  t.false(wouldAbort(stockFile, stock, { ...linux, libc: 'musl' }))
  t.false(wouldAbort(stockFile, stock, { ...linux, platform: 'darwin', libc: '' }))
  t.false(wouldAbort(path.join(stock, 'build', 'Release', 'leveldown.node'), stock, linux))
  t.false(
    wouldAbort(
      path.join(scratch, 'native', 'rocksdb', 'prebuilds', 'linux-x64', 'rocksdb.napi.glibc.node'),
      stock,
      linux,
    ),
  )
})

const onGlibc = process.platform === 'linux' && process.arch === 'x64' ? test : test.skip

onGlibc('the stock binary is refused, not tried, on a Node that it would end', (t) => {
  const said = loadIn(emptyCheckout(), 'loadRocksdb', '24.1.0')
  t.is(said.signal, null)
  t.regex(said.out, /^NativeError ROCKSDB_WOULD_ABORT .*would end this process on Node 24/)
})

onGlibc('ROCKSDB_PREBUILD does not get around that', (t) => {
  const folder = emptyCheckout()
  const said = loadIn(folder, 'loadRocksdb', '24.1.0', {
    ROCKSDB_PREBUILD: path.join(folder, 'node_modules', 'rocksdb'),
  })
  t.regex(said.out, /^NativeError ROCKSDB_WOULD_ABORT/)
})

test('a ROCKSDB_PREBUILD with nothing in it is said, not passed over', (t) => {
  const said = loadIn(emptyCheckout(), 'loadRocksdb', undefined, { ROCKSDB_PREBUILD: scratch })
  t.regex(said.out, /^NativeError ROCKSDB_MISSING .*ROCKSDB_PREBUILD=/)
})

test('a checkout without the core says how to build it, an installed package for what it was made', (t) => {
  const said = loadIn(emptyCheckout('Cargo.toml'), 'loadKernel')
  t.regex(said.out, /^NativeError KERNEL_MISSING .*Run `npm run prepare` to build it/)
  const installed = emptyCheckout()
  mkdirSync(path.join(installed, 'native', 'kernel', 'prebuilds', 'sunos-sparc'), { recursive: true })
  t.regex(loadIn(installed, 'loadKernel').out, /^NativeError KERNEL_MISSING .*was made for sunos-sparc/)
})

test('a damaged core is an error with a cause, not an exception from nowhere', (t) => {
  const folder = emptyCheckout('Cargo.toml')
  mkdirSync(path.join(folder, 'native', 'kernel', 'build', 'Release'), { recursive: true })
  writeFileSync(path.join(folder, 'native', 'kernel', 'build', 'Release', 'kernel.node'), 'no binary')
  t.regex(loadIn(folder, 'loadKernel').out, /^NativeError KERNEL_UNLOADABLE/)
})

test('both bindings load here', (t) => {
  t.is(loadIn(ROOT, 'loadKernel').out, 'loaded\n')
  t.is(loadIn(ROOT, 'loadRocksdb').out, 'loaded\n')
})

test('prepare without Rust is one sentence and exit code 1', (t) => {
  const folder = emptyCheckout('Cargo.toml', 'Cargo.lock', 'crates')
  const said = node(folder, ['native/prepare.mjs'], { PATH: scratch, Path: scratch })
  t.is(said.status, 1)
  t.is(said.out.trim().split('\n').length, 1)
  t.regex(said.out, /install Rust \(https:\/\/rustup\.rs\), then run this command again/)
})

test('prepare in a copy of the package, which has no sources, takes the core that is there or says what is missing', (t) => {
  const folder = emptyCheckout()
  const said = node(folder, ['native/prepare.mjs'])
  t.is(said.status, 1)
  t.regex(
    said.out.trim(),
    /^Rotunda's native core for \S+ is missing here, and so are the sources \(crates\/\).*repository\.$/,
  )
  const release = path.join('native', 'kernel', 'build', 'Release')
  mkdirSync(path.join(folder, release), { recursive: true })
  cpSync(path.join(ROOT, release, 'kernel.node'), path.join(folder, release, 'kernel.node'))
  const again = node(folder, [
    '-e',
    "import('./native/prepare/kernel.mjs').then((part) => part.prepareKernel())",
  ])
  t.like(again, { status: 0, out: '' })
})

test('prepare has nothing to say where all is there', (t) => {
  const said = node(ROOT, ['native/prepare.mjs'])
  t.deepEqual(said, { status: 0, signal: null, out: '' })
})

test('the command before the first build says what to run', (t) => {
  const said = node(emptyCheckout(), ['native/rotunda.cjs', '--version'])
  t.is(said.status, 1)
  t.regex(said.out, /^Rotunda is not compiled yet: run `npm run build` first\.\n$/)
})

/** A main.js that fills the thread pool and then counts the threads of this process. */
const COUNT_THREADS = `
import { readdirSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { pbkdf2 } from 'node:crypto'
await readFile('/proc/self/stat')
await new Promise((done) => { for (let i = 0; i < 64; i++) pbkdf2('a', 'b', 1, 8, 'sha1', done) })
console.log(process.env.UV_THREADPOOL_SIZE, readdirSync('/proc/self/task').length)
`
const onProc = process.platform === 'linux' ? test : test.skip

onProc('the command sizes the thread pool before Node uses it, and leaves an operator’s size alone', (t) => {
  const folder = emptyCheckout()
  mkdirSync(path.join(folder, 'dist', 'src'), { recursive: true })
  writeFileSync(path.join(folder, 'dist', 'src', 'main.js'), COUNT_THREADS)
  const counted = (env: Record<string, string>): [size: number, threads: number] => {
    const [size, threads] = node(folder, ['native/rotunda.cjs'], env).out.trim().split(' ').map(Number)
    return [size!, threads!]
  }
  const [ownSize, ownThreads] = counted({})
  const [askedSize, askedThreads] = counted({ UV_THREADPOOL_SIZE: '2' })
  t.is(askedSize, 2)
  t.true(ownSize > 4)
  t.is(ownThreads - askedThreads, ownSize - 2)
})

test('the command is what package.json says, and can be run', (t) => {
  const manifest = JSON.parse(readFileSync(path.join(ROOT, 'package.json'), 'utf8')) as {
    bin: { rotunda: string }
  }
  t.is(manifest.bin.rotunda, 'native/rotunda.cjs')
  t.regex(readFileSync(path.join(ROOT, manifest.bin.rotunda), 'utf8'), /^#!\/usr\/bin\/env node\n/)
})
