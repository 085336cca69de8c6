/** Runs node-gyp over the package rocksdb, telling all the while how far it is. */
import { appendFileSync, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { Impossible, run, say } from './run.mjs'

/** Without a terminal a line is printed this often, so that a log shows life and stays short. */
const LOG_EVERY_MS = 20_000
const TERMINAL_EVERY_MS = 1_000

/** How many source files there are, counted on Linux; elsewhere a few more or less. */
const EXPECTED_FILES = 248

/** A compiler's or MSBuild's line for one source file. */
const COMPILED = /^ {2}(CXX|CC)\(target\)|^ {2}\S+\.(cc|cpp|c)$/gm

export async function compileRocksdb(folder, logFile) {
  mkdirSync(path.dirname(logFile), { recursive: true })
  writeFileSync(logFile, '')
  const progress = showProgress(logFile)
  const nodeGyp = nodeGypScript()
  const onText = (text) => appendFileSync(logFile, text)
  const jobs = `--jobs=${os.availableParallelism()}`
  const { code } = await run(process.execPath, [nodeGyp, 'rebuild', jobs, ...headers()], {
    cwd: folder,
    env: environment(),
    onText,
  })
  progress.stop()
  if (code !== 0) throw new Impossible(`${lastLines(logFile, 25)}\n\n${complaint(logFile)}`)
}

/** GCC 13 and later no longer include <cstdint> by the way, which this RocksDB counts on. */
function environment() {
  if (process.platform === 'win32') return process.env
  return { ...process.env, CXXFLAGS: `${process.env.CXXFLAGS ?? ''} -include cstdint`.trim() }
}

/** Node's own headers where they lie beside it, as in its archives and images: no download then. */
function headers() {
  const prefix = path.resolve(path.dirname(process.execPath), '..')
  const beside =
    process.platform !== 'win32' && existsSync(path.join(prefix, 'include', 'node', 'node_api.h'))
  return beside ? [`--nodedir=${prefix}`] : []
}

/** npm carries node-gyp and names it to the scripts that it runs; outside of npm the one beside Node is taken. */
function nodeGypScript() {
  const inNpm = ['node_modules', 'npm', 'node_modules', 'node-gyp', 'bin', 'node-gyp.js']
  const beside = path.dirname(process.execPath)
  const candidates = [
    process.env.npm_config_node_gyp,
    path.join(beside, ...inNpm),
    path.join(beside, '..', 'lib', ...inNpm),
  ]
  const found = candidates.find((candidate) => candidate && existsSync(candidate))
  if (found === undefined)
    throw new Impossible('Compiling RocksDB needs node-gyp, which npm carries: run `npm run prepare`.')
  return found
}

function showProgress(logFile) {
  const startMs = performance.now()
  const terminal = process.stdout.isTTY
  const tell = () => {
    const seconds = Math.floor((performance.now() - startMs) / 1000)
    const files = readFileSync(logFile, 'utf8').match(COMPILED)?.length ?? 0
    const line = `  compiling RocksDB: ${files} of about ${EXPECTED_FILES} files, ${Math.floor(seconds / 60)} min ${seconds % 60} s`
    if (terminal) process.stdout.write(`\r${line}`)
    else say(line)
  }
  const timer = setInterval(tell, terminal ? TERMINAL_EVERY_MS : LOG_EVERY_MS)
  return {
    stop: () => {
      clearInterval(timer)
      tell()
      if (terminal) say('')
    },
  }
}

function complaint(logFile) {
  return (
    'RocksDB could not be compiled. It needs a C++ compiler, make and Python 3 ' +
    `(Debian: build-essential python3; macOS: xcode-select --install; Windows: Visual Studio Build Tools). All output: ${logFile}`
  )
}

function lastLines(file, count) {
  return readFileSync(file, 'utf8').trimEnd().split('\n').slice(-count).join('\n')
}
