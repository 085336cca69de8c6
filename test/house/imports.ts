import path from 'node:path'
import { blanked } from './blank.js'
import { lineAt, type Source } from './repository.js'

/** One import or re-export of a TypeScript file. */
export interface Import {
  /** As written: './lanes.js', 'node:fs', 'ws'. */
  readonly specifier: string
  /** The file of the repository that it names, as a source path ('src/limits.ts'), or undefined for packages and Node's modules. */
  readonly target: string | undefined
  readonly typeOnly: boolean
  readonly line: number
}

/** `import`/`export … from '…'`, `import '…'`, `import('…')` and `require('…')`, in that order of alternatives. */
const IMPORT =
  /(?<![\w$.])(?:(?:import|export)(?<type>\s+type\b)?[^'"`;()]*?\bfrom\s*|import\s*|import\s*\(\s*|require\s*\(\s*)(?<quote>['"])(?<space>\s*)\k<quote>/g

export function importsOf(source: Source): Import[] {
  const code = blanked(source.text)
  return [...code.matchAll(IMPORT)].map((match) => {
    const end = match.index + match[0].length - 1
    const specifier = source.text.slice(end - match.groups!.space!.length, end)
    return {
      specifier,
      target: resolved(source.path, specifier),
      typeOnly: match.groups!.type !== undefined,
      line: lineAt(source.text, end),
    }
  })
}

function resolved(importer: string, specifier: string): string | undefined {
  if (specifier === '#native') return 'native/load.cjs'
  if (!specifier.startsWith('.')) return undefined
  return path.posix
    .normalize(path.posix.join(path.posix.dirname(importer), specifier))
    .replace(/\.js$/, '.ts')
}
