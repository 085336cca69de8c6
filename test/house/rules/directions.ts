import { type Import, importsOf } from '../imports.js'
import type { Finding, Source } from '../repository.js'

/**
 * Imports run one way: main → cli → api → node → protocol → kernel face, and io → ports. A layer may import itself and what
 * stands here; `?` before a name allows its types only.
 */
const MAY_IMPORT: Readonly<Record<string, readonly string[]>> = {
  main: ['*'],
  index: ['*'],
  cli: ['api', 'node', 'io', 'client', 'protocol', 'wire', 'kernel', 'ports', 'base'],
  api: ['node', 'protocol', 'wire', 'kernel', 'ports', 'base'],
  node: ['protocol', 'wire', 'kernel', 'ports', 'base'],
  protocol: ['wire', 'kernel', 'base'],
  wire: ['kernel', 'base', '?ports'],
  io: ['ports', 'wire', 'kernel', 'base', 'native'],
  client: ['base'],
  kernel: ['base', 'native'],
  ports: ['base'],
  base: [],
}

/** Layers without Node's own modules, and those without packages. */
const NO_NODE = new Set(['protocol', 'wire', 'ports', 'client', 'node', 'kernel'])
const NO_PACKAGE = new Set(['protocol', 'wire', 'ports', 'node', 'kernel', 'base'])

/** Base files that pure layers lean on are pure themselves. */
const PURE_BASE = new Set(['src/limits.ts', 'src/errors.ts'])

/** Files at the top of src/ that are not for every layer: the configuration is read by the command line and passed on in parts. */
const TOP: Readonly<Record<string, string>> = { 'main.ts': 'main', 'index.ts': 'index', 'config.ts': 'cli' }

/** src/kernel/row.ts → 'kernel'; src/limits.ts → 'base'; undefined outside of src/. */
export function layerOf(path: string): string | undefined {
  if (path.startsWith('native/')) return 'native'
  const found = /^src\/(?:([^/]+)\/)?(.*)$/.exec(path)
  return found === null ? undefined : (found[1] ?? TOP[found[2]!] ?? 'base')
}

export function directions(sources: readonly Source[]): Finding[] {
  return sources.filter(({ path }) => path.startsWith('src/') && path.endsWith('.ts')).flatMap(ofFile)
}

function ofFile(source: Source): Finding[] {
  const layer = layerOf(source.path)!
  const allowed = MAY_IMPORT[layer]
  if (allowed === undefined)
    return [{ path: source.path, line: 1, what: `src/${layer} is no layer of this house` }]
  return importsOf(source).flatMap((one) => {
    const what = objection(source.path, layer, one)
    return what === undefined ? [] : [{ path: source.path, line: one.line, what }]
  })
}

function objection(path: string, layer: string, one: Import): string | undefined {
  if (one.target !== undefined) return objectionToFile(layer, one)
  if (one.specifier.startsWith('node:')) {
    return NO_NODE.has(layer) || PURE_BASE.has(path)
      ? `${layer} imports ${one.specifier}: give it what it needs through a port or an argument`
      : undefined
  }
  return NO_PACKAGE.has(layer)
    ? `${layer} imports the package ${one.specifier}: it is to need none`
    : undefined
}

function objectionToFile(layer: string, one: Import): string | undefined {
  const to = layerOf(one.target!)
  if (to === undefined) return `src imports ${one.target}, which is not shipped`
  const allowed = MAY_IMPORT[layer]!
  if (to === layer || allowed.includes('*') || allowed.includes(to)) return undefined
  if (one.typeOnly && (allowed.includes(`?${to}`) || one.target === 'native/kernel/index.ts'))
    return undefined
  return `${layer} imports ${to} (${one.specifier}): imports run the other way`
}
