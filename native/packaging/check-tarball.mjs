/**
 * Packs, installs the tarball into an empty folder as a user would, with no compiler to be found, and uses it:
 * the contents, a quiet install without scripts, the command, the import, a node that takes a value and gives it back.
 *
 *   node native/packaging/check-tarball.mjs [TARBALL]
 */
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { filesUnder, readIfThere, run, say } from '../prepare/run.mjs'
import { npmScript } from './npm.mjs'
import { freePorts, startNode } from './one-node.mjs'
import { pack } from './pack.mjs'

const scratch = mkdtempSync(path.join(os.tmpdir(), 'rotunda-tarball-'))
const folder = path.join(scratch, 'a user')
const installed = path.join(folder, 'node_modules', 'rotunda')

/** All that a user is given; whatever else turns up in the tarball is a mistake. */
const EXPECTED = [
  /^(package\.json|LICENSE|README\.md|CHANGELOG\.md)$/,
  /^dist\/src\/.*\.(js|d\.ts)$/,
  /^native\/(load\.cjs|load\.d\.cts|rotunda\.cjs|kernel\/index\.d\.ts)$/,
  /^native\/kernel\/prebuilds\/\w+-\w+\/kernel\.napi(\.glibc|\.musl)?\.node$/,
  /^native\/rocksdb\/prebuilds\/\w+-\w+\/rocksdb\.napi(\.glibc|\.musl)?\.node$/,
  /^node_modules\/[\w-]+\/([\w./-]+\.(js|d\.ts|json)|LICENSE(\.md)?)$/,
  /^node_modules\/rocksdb\/deps\/[\w./-]+\/(COPYING|LICENSE\.\w+)$/,
]

/** npm's complaint about settings of the machine that the check runs on. */
const OWN_CONFIGURATION = /Unknown (user|env|project|builtin|global) config/

const CHECKS = [
  ['the tarball holds what a user needs and nothing else', contents],
  ['nothing in it runs at install', noScripts],
  ['both native bindings load', bindings],
  ['the command says its version', version],
  ['import of the package works', importing],
  ['a node starts, takes a value, gives it back, and stops cleanly', oneNode],
]

let failed = 0

async function check(name, body) {
  const complaint = await body().catch((error) => error.stack)
  if (complaint) failed += 1
  say(complaint ? `FAILED  ${name}\n${complaint}` : `ok      ${name}`)
  return complaint === undefined
}

/** A PATH with Node and a shell and nothing that compiles. */
function barePath() {
  if (process.platform === 'win32')
    return `${path.dirname(process.execPath)};${process.env.SystemRoot}\\System32`
  const bin = path.join(scratch, 'bin')
  mkdirSync(bin)
  symlinkSync(process.execPath, path.join(bin, 'node'))
  symlinkSync('/bin/sh', path.join(bin, 'sh'))
  return bin
}

/** This environment (proxies, certificates, registry) with the bare PATH, and without what `npm run` has added. */
function userEnvironment() {
  const added =
    /^(npm_(?!config_(registry|cafile|proxy|https_proxy|cache)$)|path$|rocksdb_prebuild$|node_options$)/i
  const kept = Object.entries(process.env).filter(([name]) => !added.test(name))
  return { ...Object.fromEntries(kept), PATH: barePath() }
}

const env = userEnvironment()

async function user(args) {
  let out = ''
  const { code } = await run(process.execPath, args, {
    cwd: folder,
    env,
    onText: (text) => {
      out += text
    },
  })
  return { code, out }
}

async function install(tarball) {
  mkdirSync(folder)
  writeFileSync(
    path.join(folder, 'package.json'),
    '{ "name": "a-user", "version": "1.0.0", "private": true }\n',
  )
  const { code, out } = await user([npmScript(), 'install', tarball])
  if (code !== 0) return out
  const warnings = out.split('\n').filter((line) => /\bwarn\b/i.test(line) && !OWN_CONFIGURATION.test(line))
  return warnings.length > 0 ? `npm warned:\n${warnings.join('\n')}` : undefined
}

async function contents() {
  const files = filesUnder('.', installed).map((file) => file.split(path.sep).join('/'))
  const strange = files.filter((file) => !EXPECTED.some((pattern) => pattern.test(file)))
  if (strange.length > 0) return `not expected: ${strange.slice(0, 20).join(', ')}`
  const missing = EXPECTED.filter((pattern) => !files.some((file) => pattern.test(file)))
  return missing.length > 0 ? `nothing matches ${missing.join(' and ')}` : undefined
}

async function noScripts() {
  for (const name of ['.', 'node_modules/rocksdb']) {
    const { scripts, gypfile } = JSON.parse(readIfThere(path.join(installed, name, 'package.json')))
    if (scripts !== undefined || gypfile !== undefined) return `${name} has scripts`
  }
}

async function bindings() {
  const script = `const native = require(process.argv[1]); native.loadKernel(); native.loadRocksdb()`
  const { code, out } = await user(['-e', script, path.join(installed, 'native', 'load.cjs')])
  if (code !== 0) return `exit code ${code}: ${out}`
}

async function version() {
  const wanted = JSON.parse(readIfThere(path.join(installed, 'package.json'))).version
  const { code, out } = await user([path.join(installed, 'native', 'rotunda.cjs'), '--version'])
  if (code !== 0 || out.trim() !== wanted) return `exit code ${code}: ${out}`
}

async function importing() {
  const script =
    "const all = await import('rotunda'); if (Object.keys(all).length === 0) throw new Error('it exports nothing')"
  const { code, out } = await user(['--input-type=module', '-e', script])
  if (code !== 0) return out
}

async function oneNode() {
  const [client, peer] = await freePorts(2)
  const url = `http://127.0.0.1:${client}`
  const node = await startNode({
    script: path.join(installed, 'native', 'rotunda.cjs'),
    args: [
      'start',
      '--name',
      'n1',
      '--data',
      path.join(scratch, 'data'),
      '--listen',
      `127.0.0.1:${client}`,
      '--peer-listen',
      `127.0.0.1:${peer}`,
    ],
    cwd: folder,
    env,
    urls: [url],
  })
  try {
    const put = await fetch(`${url}/v1/kv/checks/tarball`, { method: 'PUT', body: 'a value' })
    if (put.status !== 204) return `PUT answered ${put.status}: ${await put.text()}`
    const got = await (await fetch(`${url}/v1/kv/checks/tarball`)).text()
    if (got !== 'a value') return `GET answered ${got}`
  } finally {
    await node.stop()
  }
  if (process.platform !== 'win32' && node.exitCode() !== 0)
    return `it exited with ${node.exitCode()}:\n${node.output()}`
}

try {
  const tarball = process.argv[2] ? path.resolve(process.argv[2]) : await pack(path.join(scratch, 'out'))
  if (await check('it installs with no compiler and without a warning', () => install(tarball))) {
    for (const [name, body] of CHECKS) await check(name, body)
  }
} catch (error) {
  failed += 1
  say(`FAILED  ${error.message}`)
} finally {
  rmSync(scratch, { recursive: true, force: true })
}
process.exitCode = failed > 0 ? 1 : 0
