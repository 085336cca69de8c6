import { execFileSync } from 'node:child_process'
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import path from 'node:path'
import { fileURLToPath } from 'node:url'

/** One file of the repository; `path` is relative to its root, with forward slashes. */
export interface Source {
  readonly path: string
  readonly text: string
}

/** What a rule found. `line` counts from 1. */
export interface Finding {
  readonly path: string
  readonly line: number
  readonly what: string
}

/** Compiled, this file is dist/test/house/repository.js. */
export const ROOT = fileURLToPath(new URL('../../../', import.meta.url))

const TEXT =
  /\.(ts|cts|mts|js|cjs|mjs|rs|toml|json|md|yml|yaml|sh)$|(^|\/)(\.ci\/run|\.gitignore|\.npmrc|LICENSE)$/

/** Folders that are made, never written; for a copy without git, which would know. */
const MADE = new Set(['.git', 'node_modules', 'dist', 'target', 'build', 'prebuilds'])

/** Every file that is tracked or about to be, as it is now (pictures and the like without their bytes); ignored files are not ours to judge. */
export function repositorySources(): Source[] {
  const files = existsSync(path.join(ROOT, '.git')) ? filesKnownToGit() : filesBelow('')
  return files
    .filter((file) => existsSync(path.join(ROOT, file)))
    .sort()
    .map((file) => ({ path: file, text: TEXT.test(file) ? readFileSync(path.join(ROOT, file), 'utf8') : '' }))
}

function filesKnownToGit(): string[] {
  const listed = execFileSync('git', ['ls-files', '--cached', '--others', '--exclude-standard', '-z'], {
    cwd: ROOT,
    encoding: 'utf8',
    maxBuffer: 64 * 1024 * 1024,
  })
  return listed.split('\0').filter((file) => file !== '')
}

function filesBelow(folder: string): string[] {
  return readdirSync(path.join(ROOT, folder), { withFileTypes: true }).flatMap((entry) => {
    const inside = folder === '' ? entry.name : `${folder}/${entry.name}`
    if (entry.isDirectory()) return MADE.has(entry.name) ? [] : filesBelow(inside)
    return entry.isFile() ? [inside] : []
  })
}

export function lineAt(text: string, offset: number): number {
  return text.slice(0, offset).split('\n').length
}

/** For messages of a failing test: `src/node/turn.ts:12 what`. */
export function printed(findings: readonly Finding[]): string[] {
  return findings.map(({ path: file, line, what }) => `${file}:${line} ${what}`)
}
