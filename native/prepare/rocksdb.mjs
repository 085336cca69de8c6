/**
 * Sees to a RocksDB binding that this Node survives.
 *
 * Where the package's stock binary runs there is nothing to do. Elsewhere (Linux with Node 21 or later, and platforms
 * for which there is none) the package's own source is compiled once, which takes about five minutes on two cores, and the result is kept in
 * native/rocksdb/build/Release: outside node_modules, so that the next `npm ci` does not throw it away. It is an N-API
 * binary: one build serves every Node version.
 */
import { copyFileSync, existsSync, mkdirSync, readdirSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import path from 'node:path'
import loader from '../load.cjs'
import { compileRocksdb } from './node-gyp.mjs'
import { Impossible, loads, ROOT, readIfThere, run, say } from './run.mjs'

const FOLDER = path.join(ROOT, 'native', 'rocksdb')
const RELEASE = path.join(FOLDER, 'build', 'Release')

/** Beside the binary: the version of the package whose source it was made from. */
export const STAMP = 'built-from'

/** `ownBuild` wants one from source even where the stock binary runs: that is what is shipped. */
export async function prepareRocksdb({ ownBuild }) {
  const source = packageFolder()
  if (await hasOwn(source)) return
  if (!ownBuild && (await stockRuns(source.folder))) return
  if (!(await loads(compiledInPlace(source.folder)))) await compile(source.folder)
  await keep(source)
}

function packageFolder() {
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

/** Where node-gyp leaves its result; also where an npm that ran the package's own install script has left one. */
function compiledInPlace(folder) {
  return path.join(folder, 'build', 'Release', 'leveldown.node')
}

async function compile(folder) {
  say(
    `RocksDB's prebuilt binding does not run on Node ${process.versions.node} (${loader.targetName(loader.thisRuntime())}): ` +
      'compiling it from its source. This happens once and takes about five minutes.',
  )
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
  removeObjects(path.join(source.folder, 'build'))
}

/** Debug symbols are most of the file. Where there is no `strip`, it stays large and works. */
async function strip(file) {
  const flags = { linux: ['--strip-unneeded'], darwin: ['-Sx'] }[process.platform]
  if (flags) await run('strip', [...flags, file], { onText: () => {} })
}

function removeObjects(folder) {
  if (!existsSync(folder)) return
  for (const entry of readdirSync(folder)) rmSync(path.join(folder, entry), { recursive: true, force: true })
}
