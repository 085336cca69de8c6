/** Compiles the TypeScript sources into dist/ unless what is there was made from exactly these. */
import { existsSync, rmSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import path from 'node:path'
import { filesUnder, fingerprint, Impossible, ROOT, readIfThere, run, say } from './run.mjs'

const SOURCES = [
  'src',
  'test',
  'bench',
  'tsconfig.json',
  'package-lock.json',
  'native/load.d.cts',
  'native/kernel/index.d.ts',
]
const STAMP = path.join(ROOT, 'dist', 'compiled-from')

export async function compile() {
  const wanted = fingerprint(SOURCES.filter((source) => existsSync(path.join(ROOT, source))))
  if (readIfThere(STAMP) === wanted) return
  removeOrphans()
  say('Compiling TypeScript …')
  const { code } = await run(process.execPath, [typescript(), '-p', path.join(ROOT, 'tsconfig.json')])
  if (code !== 0) throw new Impossible('The TypeScript sources do not compile; the errors are above.')
  writeFileSync(STAMP, wanted)
}

/** Takes away what a source that is gone had left in dist/, so that no test of a removed file is run. */
function removeOrphans() {
  for (const file of filesUnder('dist')) {
    const source = file.replace(/^dist[\\/]/, '').replace(/(\.d\.ts|\.js|\.js\.map)$/, '.ts')
    if (source.endsWith('.ts') && !existsSync(path.join(ROOT, source))) rmSync(path.join(ROOT, file))
  }
}

function typescript() {
  try {
    const require = createRequire(import.meta.url)
    const manifest = require.resolve('typescript/package.json')
    return path.join(path.dirname(manifest), require(manifest).bin.tsc)
  } catch {
    throw new Impossible('The development dependencies are not installed: run `npm ci`.')
  }
}
