/**
 * Sees to a RocksDB binding that this Node survives.
 *
 * Where the package's stock binary runs there is nothing to do. Elsewhere (Linux with Node 21 or later, and platforms
 * for which there is none) the package's own source is compiled once, which takes about five minutes on two cores, and the result is kept in
 * native/rocksdb/build/Release: outside node_modules, so that the next `npm ci` does not throw it away. It is an N-API
 * binary: one build serves every Node version.
 */
import { copyFileSync, existsSync, mkdirSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import path from 'node:path'
import loader from '../load.cjs'
import { compileRocksdb } from './node-gyp.mjs'
import { Impossible, loads, ROOT, readIfThere, run, say } from './run.mjs'

const FOLDER = path.join(ROOT, 'native', 'rocksdb')
const RELEASE = path.join(FOLDER, 'build', 'Release')

/** Beside the binary: the version of the package whose source it was made from. */
export const STAMP = 'built-from'

/**
 * `toShip` wants a binary that runs on every supported Node, not only on this one: on Linux that is one from source.
 * (On macOS and Windows the stock binary is that already.)
 */
export async function prepareRocksdb({ toShip }) {
  const source = packageFolder()
  if (await hasOwn(source)) return
  if (!(await isCompiledInPlace(source.folder))) {
    const fromSource = toShip && process.platform === 'linux'
    if (!fromSource && (await stockRuns(source.folder))) return
    await compile(source.folder)
  }
  await keep(source)
}

export function packageFolder() {
  try {
    const manifest = createRequire(import.meta.url).resolve('rocksdb/package.json')
    return { folder: path.dirname(manifest), version: JSON.parse(readIfThere(manifest)).version }
  } catch {
    throw new Impossible('The package rocksdb is not installed: run `npm ci`.')
  }
}

async function hasOwn(source) {
  const file = loader.findBinary(FOLDER)
  if (file === undefined) return false
  return readIfThere(path.join(path.dirname(file), STAMP)) === source.version && (await loads(file))
}

async function stockRuns(folder) {
  const file = loader.findBinary(folder)
  if (file === undefined || loader.wouldAbort(file, folder, loader.thisRuntime())) return false
  return await loads(file)
}

/** Where node-gyp leaves its result. */
function compiledInPlace(folder) {
  return path.join(folder, 'build', 'Release', 'leveldown.node')
}

/** True after an npm that ran the package's own install script has compiled it there. */
async function isCompiledInPlace(folder) {
  const file = compiledInPlace(folder)
  return existsSync(file) && (await loads(file))
}

async function compile(folder) {
  const here = `Node ${process.versions.node} (${loader.targetName(loader.thisRuntime())})`
  const why = (await stockRuns(folder))
    ? "RocksDB's prebuilt binding runs here, but not on every Node that a package is for"
    : `RocksDB's prebuilt binding does not run on ${here}`
  say(`${why}: compiling it from its source. This happens once and takes about five minutes.`)
  await compileRocksdb(folder, path.join(FOLDER, 'build', 'compile.log'))
  if (!(await loads(compiledInPlace(folder))))
    throw new Impossible('RocksDB was compiled but Node cannot load it.')
}

/** Moves the binary, stripped, to where the loader looks first, and gives the disk space of its objects back. */
async function keep(source) {
  mkdirSync(RELEASE, { recursive: true })
  const fresh = path.join(RELEASE, 'rocksdb.new')
  copyFileSync(compiledInPlace(source.folder), fresh)
  await strip(fresh)
  rmSync(path.join(RELEASE, STAMP), { force: true })
  renameSync(fresh, path.join(RELEASE, 'rocksdb.node'))
  writeFileSync(path.join(RELEASE, STAMP), source.version)
  if (!(await loads(path.join(RELEASE, 'rocksdb.node'))))
    throw new Impossible('The stripped RocksDB binding does not load.')
  rmSync(path.join(source.folder, 'build'), { recursive: true, force: true })
}

/** Debug symbols are most of the file. Where there is no `strip`, it stays large and works. */
async function strip(file) {
  const flags = { linux: ['--strip-unneeded'], darwin: ['-Sx'] }[process.platform]
  if (flags) await run('strip', [...flags, file], { onText: () => {} })
}
