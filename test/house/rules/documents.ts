import path from 'node:path'
import { type Finding, lineAt, type Source } from '../repository.js'

/** `[text](target)` and `[text]: target`. */
const LINK = /\]\(\s*<?([^)\s>]+)>?[^)]*\)|^\[[^\]]+\]:\s*(\S+)/gm
/** `src/node/turn.ts` in backticks: a promise that the file is there. */
const NAMED_FILE = /`((?:src|native|crates|test|bench|docs|examples)\/[\w./-]+\.\w+)`/g

/** Links between our own documents and to our own files lead somewhere; so do paths named in backticks. */
export function documents(sources: readonly Source[]): Finding[] {
  const byPath = new Map(sources.map((source) => [source.path, source]))
  const folders = new Set(sources.flatMap(({ path: file }) => ancestors(file)))
  const exists = (target: string) => byPath.has(target) || folders.has(target)
  return sources
    .filter(({ path: file }) => file.endsWith('.md'))
    .flatMap((page) => [...brokenLinks(page, byPath, exists), ...brokenNames(page, exists)])
}

function ancestors(file: string): string[] {
  const parts = file.split('/')
  return parts.map((_, count) => parts.slice(0, count).join('/'))
}

function brokenLinks(
  page: Source,
  byPath: ReadonlyMap<string, Source>,
  exists: (target: string) => boolean,
): Finding[] {
  return [...withoutCodeBlocks(page.text).matchAll(LINK)].flatMap((match) => {
    const link = match[1] ?? match[2]!
    if (/^[a-z][a-z+.-]*:/i.test(link)) return []
    const [file, anchor] = link.split('#') as [string, string | undefined]
    const target =
      file === ''
        ? page.path
        : path.posix.normalize(path.posix.join(path.posix.dirname(page.path), file)).replace(/\/$/, '')
    const line = lineAt(page.text, match.index)
    if (!exists(target)) return [{ path: page.path, line, what: `leads nowhere: ${link}` }]
    const there = byPath.get(target)
    if (anchor === undefined || there === undefined || !target.endsWith('.md')) return []
    return anchorsOf(there.text).has(anchor)
      ? []
      : [{ path: page.path, line, what: `no such heading: ${link}` }]
  })
}

function brokenNames(page: Source, exists: (target: string) => boolean): Finding[] {
  if (page.path === 'CHANGELOG.md') return [] // what it tells of may be gone
  return [...withoutCodeBlocks(page.text).matchAll(NAMED_FILE)]
    .filter((match) => !exists(match[1]!))
    .map((match) => ({
      path: page.path,
      line: lineAt(page.text, match.index),
      what: `no such file: ${match[1]}`,
    }))
}

/** Fenced blocks become blank lines, so that an example of Markdown is no link. */
function withoutCodeBlocks(text: string): string {
  return text.replace(/^(```|~~~)[\s\S]*?^\1/gm, (block) => block.replace(/[^\n]/g, ' '))
}

/** The anchors that a page's headings get on the usual hosts. */
export function anchorsOf(text: string): Set<string> {
  const anchors = new Set<string>()
  for (const [, heading] of withoutCodeBlocks(text).matchAll(/^#+\s+(.+?)\s*#*$/gm)) {
    const slug = heading!
      .toLowerCase()
      .replace(/[^\p{L}\p{N}\s_-]/gu, '')
      .replace(/\s/g, '-')
    let anchor = slug
    for (let again = 1; anchors.has(anchor); again += 1) anchor = `${slug}-${again}`
    anchors.add(anchor)
  }
  return anchors
}
