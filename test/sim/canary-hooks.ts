/**
 * Puts a known bug into the code under test without a trace of it in the code itself: while the modules are loaded, one piece of
 * text is replaced by another. A patch that no longer fits its file is an error, so a canary cannot die unnoticed.
 */
import * as modules from 'node:module'
import type { Patch } from './canaries/index.js'

type Load = (url: string, context: unknown, next: (url: string, context: unknown) => unknown) => unknown
interface Loaded {
  readonly source: string | Uint8Array | ArrayBuffer | undefined
}

let patches: readonly Patch[] = []

/** Called by Node in the hooks' thread, where hooks have one. */
export function initialize(given: readonly Patch[]): void {
  patches = given
}

export const load: Load = (url, context, next) => {
  const wanted = patches.filter((patch) => url.split('?')[0]?.endsWith(`/dist/${patch.file}`))
  const loaded = next(url, context)
  if (wanted.length === 0) return loaded
  return loaded instanceof Promise
    ? loaded.then((module) => patched(module, wanted))
    : patched(loaded as Loaded, wanted)
}

function patched(loaded: Loaded, wanted: readonly Patch[]): Loaded {
  let source = Buffer.from(loaded.source as Uint8Array).toString('utf8')
  for (const { file, find, replace } of wanted) {
    const parts = source.split(find)
    if (parts.length !== 2)
      throw new Error(`the canary's text is ${parts.length - 1} times in ${file}: ${find}`)
    source = parts.join(replace)
  }
  return { ...loaded, source }
}

/** From now on, modules are loaded with these patches. */
export function plant(given: readonly Patch[]): void {
  const { registerHooks } = modules as { registerHooks?: (hooks: { load: Load }) => void }
  if (registerHooks === undefined) {
    modules.register(import.meta.url, { data: given })
    return
  }
  initialize(given)
  registerHooks({ load })
}
