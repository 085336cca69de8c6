import { importsOf } from '../imports.js'
import type { Finding, Source } from '../repository.js'

/** Where the product begins: the command, and what the package exports. */
const ENTRIES = ['src/main.ts', 'src/index.ts']

/** Every file under src/ is reached from an entry; what only tests reach is dead. */
export function deadFiles(sources: readonly Source[], entries: readonly string[] = ENTRIES): Finding[] {
  const byPath = new Map(sources.map((source) => [source.path, source]))
  const reached = new Set<string>()
  const waiting = [...entries]
  for (let path = waiting.pop(); path !== undefined; path = waiting.pop()) {
    const source = byPath.get(path)
    if (source === undefined || reached.has(path)) continue
    reached.add(path)
    waiting.push(...importsOf(source).flatMap(({ target }) => target ?? []))
  }
  return sources
    .filter(({ path }) => path.startsWith('src/') && path.endsWith('.ts') && !reached.has(path))
    .map(({ path }) => ({ path, line: 1, what: `nothing that ${entries.join(' or ')} reaches imports it` }))
}
