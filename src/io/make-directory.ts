import { mkdirSync, statSync } from 'node:fs'
import { dirname, resolve } from 'node:path'

/**
 * Makes a directory for this user alone, and those above it that are missing. Throws what mkdir throws; EEXIST where something else is in
 * its place.
 *
 * Not `mkdirSync` with `recursive`: where a directory can have no new ones and says ENOENT instead (/proc), that goes round in circles for ever.
 */
export function makeDirectory(path: string): void {
  const missing: string[] = []
  let at = resolve(path)
  while (!isThere(at)) {
    missing.push(at)
    if (at === dirname(at)) break
    at = dirname(at)
  }
  for (const directory of missing.reverse()) make(directory)
  if (missing.length === 0 && !statSync(path).isDirectory()) mkdirSync(path)
}

function make(directory: string): void {
  try {
    mkdirSync(directory, { mode: 0o700 })
  } catch (error) {
    // Another process was faster.
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST' || !statSync(directory).isDirectory()) throw error
  }
}

function isThere(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false }) !== undefined
}
