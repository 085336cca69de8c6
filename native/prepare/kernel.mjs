/** Builds the Rust core into native/kernel/build/Release/kernel.node unless the one that is there was made from these sources. */
import { existsSync, mkdirSync, mkdtempSync, readdirSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import path from 'node:path'
import loader from '../load.cjs'
import { fingerprint, Impossible, loads, ROOT, readIfThere, run, say } from './run.mjs'

const FOLDER = path.join(ROOT, 'native', 'kernel')
const MANIFEST = path.join(ROOT, 'crates', 'kernel-napi', 'Cargo.toml')
const SOURCES = [
  'crates/kernel/src',
  'crates/kernel/Cargo.toml',
  'crates/kernel-napi',
  'Cargo.toml',
  'Cargo.lock',
]

/** Beside each binary: the digest of the sources that it was made from. */
export const STAMP = 'built-from'

export function kernelFingerprint() {
  return fingerprint(SOURCES)
}

export async function prepareKernel() {
  if (!existsSync(MANIFEST)) return await goOnWithoutSources()
  const wanted = kernelFingerprint()
  if (await hasBinaryOf(wanted)) return
  const cargo = await run('cargo', ['--version'], { onText: () => {} })
  if (cargo.missing) return await goOnWithoutRust()
  say("Building Rotunda's native core from Rust (a minute or two, once) …")
  await build(wanted)
}

/** A binary is taken when it was made from exactly these sources and this Node loads it. */
async function hasBinaryOf(wanted) {
  const file = loader.findBinary(FOLDER)
  if (file === undefined) return false
  return readIfThere(path.join(path.dirname(file), STAMP)) === wanted && (await loads(file))
}

/** A package, or a copy of one: it has what it was made with, and cannot make anything. */
async function goOnWithoutSources() {
  const file = loader.findBinary(FOLDER)
  if (file !== undefined && (await loads(file))) return
  const target = loader.targetName(loader.thisRuntime())
  throw new Impossible(
    `Rotunda's native core for ${target} is missing here, and so are the sources (crates/) to build it from: install a package that has it, or use a whole checkout of the repository.`,
  )
}

async function goOnWithoutRust() {
  const target = loader.targetName(loader.thisRuntime())
  const file = loader.findBinary(FOLDER)
  if (file !== undefined && (await loads(file))) {
    return say(
      'Rust is not installed: using the native core that is there, although the sources have changed since.',
    )
  }
  throw new Impossible(
    `Rotunda's core is written in Rust and there is no prebuilt one for ${target} here: install Rust (https://rustup.rs), then run this command again.`,
  )
}

async function build(wanted) {
  const release = path.join(FOLDER, 'build', 'Release')
  mkdirSync(release, { recursive: true })
  const output = mkdtempSync(path.join(FOLDER, 'build', 'new-'))
  try {
    const { code } = await run(process.execPath, [napiCli(), ...napiArguments(output)])
    if (code !== 0)
      throw new Impossible("Rotunda's native core could not be built; what cargo said is above.")
    const binary = readdirSync(output).find((name) => name.endsWith('.node'))
    renameSync(path.join(output, 'index.d.ts'), path.join(FOLDER, 'index.d.ts'))
    rmSync(path.join(release, STAMP), { force: true })
    renameSync(path.join(output, binary), path.join(release, 'kernel.node'))
    writeFileSync(path.join(release, STAMP), wanted)
  } finally {
    rmSync(output, { recursive: true, force: true })
  }
}

function napiArguments(output) {
  return [
    'build',
    '--release',
    '--no-js',
    '--dts',
    'index.d.ts',
    '--manifest-path',
    MANIFEST,
    '--output-dir',
    output,
  ]
}

function napiCli() {
  try {
    const require = createRequire(import.meta.url)
    const manifest = require.resolve('@napi-rs/cli/package.json')
    return path.join(path.dirname(manifest), require(manifest).bin.napi)
  } catch {
    throw new Impossible('The development dependencies are not installed: run `npm ci`.')
  }
}
