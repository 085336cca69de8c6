import type { Finding, Source } from '../repository.js'

/** Past this something wants to leave the file. Aim for 150. */
export const MAX_LINES = 400

const CODE = /\.([cm]?ts|[cm]?js|rs)$/
const GENERATED = new Set(['native/kernel/index.d.ts'])

/** Files named alike for a tool's sake, or for nobody's. */
const KEBAB = /^[a-z0-9]+(-[a-z0-9]+)*(\.(test|bench|d))?\.([cm]?ts|[cm]?js)$/
const SNAKE = /^[a-z0-9]+(_[a-z0-9]+)*\.rs$/
/** Last words that say nothing about what a file holds. */
const EMPTY_WORDS = /(^|[-_])(manager|helpers?|utils?|handlers?|data|info|misc|common)\./

export function sizes(sources: readonly Source[]): Finding[] {
  return sources
    .filter(({ path }) => CODE.test(path) && !GENERATED.has(path))
    .map(({ path, text }) => ({ path, lines: text.trimEnd().split('\n').length }))
    .filter(({ lines }) => lines > MAX_LINES)
    .map(({ path, lines }) => ({
      path,
      line: MAX_LINES + 1,
      what: `${lines} lines; no file has more than ${MAX_LINES}`,
    }))
}

export function names(sources: readonly Source[]): Finding[] {
  return sources
    .filter(({ path }) => CODE.test(path))
    .flatMap(({ path }) => {
      const name = path.split('/').at(-1)!
      const wanted = name.endsWith('.rs') ? SNAKE : KEBAB
      if (!wanted.test(name))
        return [{ path, line: 1, what: 'file names are kebab-case (.ts) and snake_case (.rs)' }]
      if (EMPTY_WORDS.test(name)) return [{ path, line: 1, what: 'name it for what it holds' }]
      return []
    })
}
