import { blanked } from '../blank.js'
import { importsOf } from '../imports.js'
import { type Finding, lineAt, type Source } from '../repository.js'

const ASSERTION =
  /\bt\.(is|not|deepEqual|notDeepEqual|like|true|false|truthy|falsy|assert|throws|throwsAsync|notThrows|notThrowsAsync|regex|notRegex|fail)\s*\(/

/** Every test file asserts something, itself or through a suite that it imports. */
export function assertions(sources: readonly Source[]): Finding[] {
  const byPath = new Map(sources.map((source) => [source.path, source]))
  return sources
    .filter(({ path }) => path.endsWith('.test.ts'))
    .filter((source) => !asserts(source, byPath, new Set()))
    .map(({ path }) => ({ path, line: 1, what: 'asserts nothing' }))
}

function asserts(source: Source, byPath: ReadonlyMap<string, Source>, seen: Set<string>): boolean {
  if (seen.has(source.path)) return false
  seen.add(source.path)
  if (ASSERTION.test(blanked(source.text))) return true
  return importsOf(source).some(({ target }) => {
    const imported = target === undefined ? undefined : byPath.get(target)
    return imported?.path.startsWith('test/') === true && asserts(imported, byPath, seen)
  })
}

/** Tests that are switched off, or that switch the others off, are not committed. A choice by platform (`onPosix ? test : test.skip`) is fine. */
export function switchedOff(sources: readonly Source[]): Finding[] {
  return sources
    .filter(({ path }) => /^(test|bench|src)\/.*\.ts$/.test(path))
    .flatMap((source) =>
      [...blanked(source.text).matchAll(/(?<![?:]\s*)\btest\b[\w.]*\.(only|skip|todo|failing)\b/g)].map(
        (match) => ({
          path: source.path,
          line: lineAt(source.text, match.index),
          what: `.${match[1]}: make it run, or take it out`,
        }),
      ),
    )
}

/** What is left to do belongs in an issue, where someone finds it. */
export function leftovers(sources: readonly Source[]): Finding[] {
  const word = new RegExp(
    `\\b(${['TO', 'FIX'].map((half, i) => half + ['DO', 'ME'][i]).join('|')}|todo!|unimplemented!)`,
    'g',
  )
  return sources
    .filter(({ path }) => /\.([cm]?ts|[cm]?js|rs|md|yml)$/.test(path) && !path.startsWith('test/house/'))
    .flatMap((source) =>
      [...source.text.matchAll(word)].map((match) => ({
        path: source.path,
        line: lineAt(source.text, match.index),
        what: `${match[0]}: file an issue, or do it`,
      })),
    )
}
