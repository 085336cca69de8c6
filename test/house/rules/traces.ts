import { type Finding, lineAt, type Source } from '../repository.js'

/**
 * What a build machine leaves behind: folders that exist on one machine only, and hosts of package registries, which are each
 * installer's own choice. Written in halves, so that this file does not find itself.
 */
const TRACES: readonly RegExp[] = [
  new RegExp(`(?<![\\w.~-])/(?:ro${'ot'}|wo${'rk'})/[\\w.]`, 'g'),
  new RegExp(`(?<![\\w.~-])/(?:ho${'me'}|Us${'ers'})/[\\w.]`, 'g'),
  new RegExp(`\\b[A-Z]:\\\\\\\\?Us${'ers'}`, 'g'),
  new RegExp(`regis${'try'}\\.(npmjs|yarnpkg|npmmirror)\\.\\w+`, 'g'),
  new RegExp(`"resol${'ved'}": "http`, 'g'),
  new RegExp(`(index|static)\\.crates\\.${'io'}`, 'g'),
]

export function traces(sources: readonly Source[]): Finding[] {
  return sources.flatMap((source) =>
    TRACES.flatMap((trace) =>
      [...source.text.matchAll(trace)].map((match) => ({
        path: source.path,
        line: lineAt(source.text, match.index),
        what: `names a machine or a registry: ${match[0]}`,
      })),
    ),
  )
}
