/**
 * Lays out in a folder what goes into the package, and nothing else: compiled JavaScript with its types, the loader and
 * the command, a core and a RocksDB binding for each platform at hand, and the JavaScript of the package `rocksdb`.
 *
 * That package is bundled because its own tarball would bring an install script, 36 MB of C++ and a binary that ends the process on newer
 * Node. The copy here has none of these; its binding is the one in native/rocksdb/prebuilds.
 */
import { cpSync, existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import loader from '../load.cjs'
import { ROOT } from '../prepare/run.mjs'

const AS_IT_IS = [
  'LICENSE',
  'README.md',
  'CHANGELOG.md',
  'native/load.cjs',
  'native/load.d.cts',
  'native/rotunda.cjs',
  'native/kernel/index.d.ts',
]

/** What a consumer has no use for, or what would run something on their machine. */
const NOT_PUBLISHED = ['private', 'scripts', 'devDependencies', 'overrides', 'allowScripts', 'ava', 'files']

/** Of rocksdb's deps/ the licences stay: its compiled code is in the binding. */
const LICENCES = [
  'deps/rocksdb/rocksdb/COPYING',
  'deps/rocksdb/rocksdb/LICENSE.Apache',
  'deps/rocksdb/rocksdb/LICENSE.leveldb',
  'deps/snappy/snappy-1.1.7/COPYING',
]

export function stage(folder) {
  for (const file of AS_IT_IS.filter((file) => existsSync(path.join(ROOT, file)))) copy(file, folder)
  cpSync(path.join(ROOT, 'dist', 'src'), path.join(folder, 'dist', 'src'), {
    recursive: true,
    filter: (from) => !from.endsWith('.map'),
  })
  for (const name of ['kernel', 'rocksdb']) stageBinaries(name, folder)
  stageBundle(folder)
  writeManifest(folder)
}

function copy(file, folder) {
  const to = path.join(folder, file)
  mkdirSync(path.dirname(to), { recursive: true })
  cpSync(path.join(ROOT, file), to)
}

/** All prebuilds that lie in the repository (gathered from other machines), and this machine's where that lacks one. */
function stageBinaries(name, folder) {
  const gathered = path.join(ROOT, 'native', name, 'prebuilds')
  const to = path.join(folder, 'native', name, 'prebuilds')
  if (existsSync(gathered)) cpSync(gathered, to, { recursive: true, filter: isNoStamp })
  const file = path.join(to, prebuildPath(name, loader.thisRuntime()))
  if (!existsSync(file)) copyBinary(name, file)
}

/** Copies the binary that this machine uses: its own build, or rocksdb's stock one where that is the better. */
export function copyBinary(name, file) {
  const built = path.join(ROOT, 'native', name, 'build', 'Release', `${name}.node`)
  const stock = name === 'rocksdb' ? loader.findBinary(path.join(ROOT, 'node_modules', 'rocksdb')) : undefined
  mkdirSync(path.dirname(file), { recursive: true })
  cpSync(existsSync(built) ? built : stock, file)
}

function isNoStamp(file) {
  return path.basename(file) !== 'built-from'
}

/** Where node-gyp-build looks: linux-x64/kernel.napi.glibc.node, darwin-arm64/kernel.napi.node. */
export function prebuildPath(name, { platform, arch, libc }) {
  return path.join(`${platform}-${arch}`, [name, 'napi', libc, 'node'].filter(Boolean).join('.'))
}

/** Copies rocksdb's JavaScript and what that needs. */
function stageBundle(folder) {
  for (const name of closureOf('rocksdb')) {
    cpSync(path.join(ROOT, 'node_modules', name), path.join(folder, 'node_modules', name), {
      recursive: true,
      filter: withoutBulk,
    })
  }
  const inside = path.join(folder, 'node_modules', 'rocksdb')
  for (const licence of LICENCES.filter((file) =>
    existsSync(path.join(ROOT, 'node_modules', 'rocksdb', file)),
  )) {
    cpSync(path.join(ROOT, 'node_modules', 'rocksdb', licence), path.join(inside, licence))
  }
  const manifest = readJson(path.join(inside, 'package.json'))
  const { scripts: _scripts, gypfile: _gypfile, devDependencies: _development, ...kept } = manifest
  delete kept.dependencies['napi-macros']
  writeJson(path.join(inside, 'package.json'), kept)
}

/** No sources, no tests, no essays: what runs, its types and its licence. */
function withoutBulk(from) {
  const inside = path.relative(path.join(ROOT, 'node_modules'), from).split(path.sep).join('/')
  return !/^rocksdb\/(deps|prebuilds|build|binding\.(cc|gyp)$)|^[^/]+\/(test|\.github|.*\.svg$|(CHANGELOG|UPGRADING|README|SECURITY|AUTHORS)\.md$)/i.test(
    inside,
  )
}

function closureOf(name, found = new Set()) {
  if (found.has(name) || name === 'napi-macros') return found
  found.add(name)
  const folder = path.join(ROOT, 'node_modules', name)
  if (existsSync(path.join(folder, 'node_modules')))
    throw new Error(`${name} has nested dependencies: run npm dedupe`)
  for (const needed of Object.keys(readJson(path.join(folder, 'package.json')).dependencies ?? {}))
    closureOf(needed, found)
  return found
}

function writeManifest(folder) {
  const manifest = readJson(path.join(ROOT, 'package.json'))
  for (const field of NOT_PUBLISHED) delete manifest[field]
  manifest.files = readdirSync(folder).filter((entry) => entry !== 'node_modules')
  manifest.bundleDependencies = ['rocksdb']
  writeJson(path.join(folder, 'package.json'), manifest)
}

function readJson(file) {
  return JSON.parse(readFileSync(file, 'utf8'))
}

function writeJson(file, value) {
  writeFileSync(file, `${JSON.stringify(value, null, 2)}\n`)
}
