import { type Finding, lineAt, type Source } from '../repository.js'

/** No panic crosses into JavaScript: without this attribute one ends the process (napi-rs). */
export function catchUnwind(sources: readonly Source[]): Finding[] {
  return found(
    sources,
    /^crates\/kernel-napi\/.*\.rs$/,
    /#\[napi\b(?![^\]]*\bcatch_unwind\b)[^\]]*\]/g,
    'an export without catch_unwind',
  )
}

/** Unwinding must stay possible, and the pure crate must stay pure. */
export function pureKernel(sources: readonly Source[]): Finding[] {
  return [
    ...found(sources, /^Cargo\.toml$/, /panic\s*=\s*"abort"/g, 'a panic would end the process'),
    ...found(sources, /^crates\/kernel\/Cargo\.toml$/, /^napi\b.*/gm, 'the kernel knows no JavaScript'),
    ...found(
      sources,
      /^crates\/kernel\/src\/.*\.rs$/,
      /\bunsafe\s*(\{|fn\b|impl\b)/g,
      'no unsafe code in the kernel',
    ),
    ...found(
      sources,
      /^crates\/kernel\/src\/.*\.rs$/,
      /\bstd::(fs|net|time|thread|env|process)\b/g,
      'the kernel does no I/O and reads no clock',
    ),
  ]
}

function found(sources: readonly Source[], where: RegExp, pattern: RegExp, what: string): Finding[] {
  return sources
    .filter(({ path }) => where.test(path))
    .flatMap(({ path, text }) =>
      [...text.matchAll(pattern)].map((match) => ({
        path,
        line: lineAt(text, match.index),
        what: `${what}: ${match[0]}`,
      })),
    )
}
