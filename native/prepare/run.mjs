/** Child processes for the build scripts: no shell, output kept, a sentence for a person when something cannot be done. */
import { spawn } from 'node:child_process'
import { createHash } from 'node:crypto'
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs'
import path from 'node:path'
import { fileURLToPath } from 'node:url'

/** The repository's root folder, absolute. */
export const ROOT = fileURLToPath(new URL('../..', import.meta.url))

/** Something a person has to do before this can go on; the message says what. */
export class Impossible extends Error {}

export function say(sentence) {
  process.stdout.write(`${sentence}\n`)
}

/**
 * Runs a program to its end. `onText` gets its output as it comes (both streams); without it the output goes straight
 * to the terminal. Resolves to `{ code, signal, missing }`; `missing` when there is no such program.
 */
export function run(program, args, { cwd = ROOT, env = process.env, onText } = {}) {
  return new Promise((resolve) => {
    const stdio = onText ? ['ignore', 'pipe', 'pipe'] : ['ignore', 'inherit', 'inherit']
    const child = spawn(program, args, { cwd, env, stdio, windowsHide: true })
    child.stdout?.on('data', (chunk) => onText(String(chunk)))
    child.stderr?.on('data', (chunk) => onText(String(chunk)))
    child.on('error', (error) => resolve({ code: 1, signal: null, missing: error.code === 'ENOENT' }))
    child.on('close', (code, signal) => resolve({ code, signal, missing: false }))
  })
}

/** True when a fresh process of this Node loads the binary and lives. The only safe way to find out. */
export async function loads(file) {
  const { code } = await run(process.execPath, ['-e', 'require(process.argv[1])', file], { onText: () => {} })
  return code === 0
}

/** One digest over the contents of these files and folders (relative to the root), names included. */
export function fingerprint(paths) {
  const hash = createHash('sha256')
  for (const file of paths.flatMap((start) => filesUnder(start))) {
    hash.update(`${file.split(path.sep).join('/')}\0`)
    hash.update(
      createHash('sha256')
        .update(readFileSync(path.join(ROOT, file)))
        .digest(),
    )
  }
  return hash.digest('hex')
}

/** All files below a path, sorted, relative to the root; nothing where it does not exist. */
export function filesUnder(start, root = ROOT) {
  const whole = path.join(root, start)
  if (!existsSync(whole)) return []
  if (statSync(whole).isFile()) return [start]
  return readdirSync(whole, { withFileTypes: true, recursive: true })
    .filter((entry) => entry.isFile())
    .map((entry) => path.relative(root, path.join(entry.parentPath ?? entry.path, entry.name)))
    .sort()
}

/** The text of a small file, or undefined. */
export function readIfThere(file) {
  try {
    return readFileSync(file, 'utf8')
  } catch {
    return undefined
  }
}
