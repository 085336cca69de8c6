'use strict'

/**
 * Finds and loads the two native bindings: Rotunda's own core (`kernel`) and RocksDB's.
 *
 * The core is looked for in `native/kernel/build/Release` (built on this machine) and then in
 * `native/kernel/prebuilds/<platform>-<arch>` (shipped in the package).
 *
 * RocksDB needs more care. The npm package `rocksdb` ships a binary for Linux with glibc that ends the whole process
 * while it is being loaded into Node 21 or later (a static `std::regex` of the old string ABI meets the symbols that newer
 * Node executables export; nodejs/node#57639, Level/rocksdb#228). No `try` catches that. So a build of the same source made with
 * today's compiler stands in `native/rocksdb`, laid out alike, and is always preferred; the stock binary is loaded only
 * where it is known to work, and where it is not, `loadRocksdb` throws instead of letting the process die.
 */

const fs = require('node:fs')
const os = require('node:os')
const path = require('node:path')
const nodeGypBuild = require('node-gyp-build')

const KERNEL_FOLDER = path.join(__dirname, 'kernel')
const ROCKSDB_FOLDER = path.join(__dirname, 'rocksdb')

/** First Node major in whose processes the stock glibc binary of `rocksdb` aborts. */
const STOCK_ROCKSDB_ABORTS_SINCE = 21

/** A native binding that cannot be had here. `code` says which and why; the message says what to do about it. */
class NativeError extends Error {
  constructor(code, message, options) {
    super(message, options)
    this.name = 'NativeError'
    this.code = code
  }
}

/** What decides whether a binary fits: the process that would load it. */
function thisRuntime() {
  const musl = process.platform === 'linux' && fs.existsSync('/etc/alpine-release')
  return {
    platform: process.platform,
    arch: os.arch(),
    libc: process.platform === 'linux' ? (musl ? 'musl' : 'glibc') : '',
    nodeMajor: Number.parseInt(process.versions.node, 10),
  }
}

/** For messages: `linux-x64-glibc`, `darwin-arm64`. */
function targetName(runtime) {
  return [runtime.platform, runtime.arch, runtime.libc].filter(Boolean).join('-')
}

/** True where loading this file would end the process: it is the stock glibc binary, and this Node is one that it cannot stand. */
function wouldAbort(file, stockFolder, runtime) {
  const isStock = isInside(file, path.join(stockFolder, 'prebuilds'))
  return isStock && runtime.libc === 'glibc' && runtime.nodeMajor >= STOCK_ROCKSDB_ABORTS_SINCE
}

function isInside(file, folder) {
  const way = path.relative(realPath(folder), realPath(file))
  return way !== '' && !way.startsWith('..') && !path.isAbsolute(way)
}

function realPath(file) {
  try {
    return fs.realpathSync(file)
  } catch {
    return path.resolve(file)
  }
}

/** The binary that node-gyp-build would take from this folder, or `undefined`. */
function findBinary(folder) {
  try {
    return nodeGypBuild.resolve(folder)
  } catch {
    return undefined
  }
}

/** One sentence on what a person can do: a checkout can build, an installed package cannot. */
function remedy() {
  if (fs.existsSync(path.join(__dirname, '..', 'Cargo.toml'))) return 'Run `npm run prepare` to build it.'
  const shipped = shippedTargets()
  return `This package was made for ${shipped.length > 0 ? shipped.join(', ') : 'no platform'}: use one of these, or build Rotunda from its repository.`
}

function shippedTargets() {
  try {
    return fs.readdirSync(path.join(KERNEL_FOLDER, 'prebuilds')).sort()
  } catch {
    return []
  }
}

/** Loads the native core. Throws NativeError `KERNEL_MISSING` or `KERNEL_UNLOADABLE`. */
function loadKernel() {
  const file = findBinary(KERNEL_FOLDER)
  if (file === undefined) {
    const target = targetName(thisRuntime())
    throw new NativeError('KERNEL_MISSING', `Rotunda's native core is not here for ${target}. ${remedy()}`)
  }
  try {
    return require(file)
  } catch (cause) {
    throw new NativeError(
      'KERNEL_UNLOADABLE',
      `Rotunda's native core cannot be loaded (${cause.message}). ${remedy()}`,
      { cause },
    )
  }
}

/** Where `rocksdb`'s own files are; throws NativeError `ROCKSDB_MISSING` where the package is not installed. */
function stockRocksdbFolder() {
  try {
    return path.dirname(require.resolve('rocksdb/package.json'))
  } catch (cause) {
    throw new NativeError('ROCKSDB_MISSING', 'The package rocksdb is not installed. Run `npm ci`.', { cause })
  }
}

/**
 * The folder that `rocksdb` is to take its binary from, checked to be one that this process survives.
 * An operator's own ROCKSDB_PREBUILD is taken at its word; without it native/rocksdb comes first, then the package itself.
 */
function chooseRocksdb(stockFolder, runtime) {
  const named = process.env.ROCKSDB_PREBUILD
  const candidates = named ? [named] : [ROCKSDB_FOLDER, stockFolder]
  const folder = candidates.find((candidate) => findBinary(candidate) !== undefined)
  if (folder === undefined) {
    const where = named ? `in ROCKSDB_PREBUILD=${named}` : 'here'
    const sentence = `There is no native RocksDB binding for ${targetName(runtime)} ${where}.`
    throw new NativeError('ROCKSDB_MISSING', `${sentence} ${remedy()}`)
  }
  if (wouldAbort(findBinary(folder), stockFolder, runtime)) {
    const sentence = `The package rocksdb's prebuilt binding would end this process on Node ${runtime.nodeMajor}, so it was not loaded.`
    throw new NativeError('ROCKSDB_WOULD_ABORT', `${sentence} ${remedy()}`)
  }
  return folder
}

/** Loads the package `rocksdb` with a binary that fits. Throws NativeError `ROCKSDB_MISSING`, `ROCKSDB_WOULD_ABORT` or `ROCKSDB_UNLOADABLE`. */
function loadRocksdb() {
  const folder = chooseRocksdb(stockRocksdbFolder(), thisRuntime())
  const before = process.env.ROCKSDB_PREBUILD
  process.env.ROCKSDB_PREBUILD = folder // read by the copy of node-gyp-build inside the require below
  try {
    return require('rocksdb')
  } catch (cause) {
    throw new NativeError(
      'ROCKSDB_UNLOADABLE',
      `RocksDB's native binding cannot be loaded (${cause.message}). ${remedy()}`,
      { cause },
    )
  } finally {
    if (before === undefined) delete process.env.ROCKSDB_PREBUILD
    else process.env.ROCKSDB_PREBUILD = before
  }
}

module.exports = { loadKernel, loadRocksdb, NativeError, wouldAbort, thisRuntime, targetName, findBinary }
