/** Loads the native core. The rest of src/kernel checks the arguments: the core takes -1 for 0 without a word. */
import { existsSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type * as Generated from '../../native/kernel/index.js'

/** The core fills any Uint8Array where the generated types say Buffer. */
type Widened<T> = T extends Buffer ? Uint8Array : T
type Arguments<T extends unknown[]> = { [I in keyof T]: Widened<T[I]> }
type Functions = typeof Generated

/** The native functions as they are: positional arguments, numbers back, results into the caller's buffer. */
export type Binding = {
  readonly [Name in keyof Functions]: (
    ...args: Arguments<Parameters<Functions[Name]>>
  ) => ReturnType<Functions[Name]>
}

/** The nearest folder above with a package.json: this file runs from dist/src/kernel, and from src/kernel where types are stripped. */
function packageRoot(): string {
  let folder = dirname(fileURLToPath(import.meta.url))
  while (!existsSync(join(folder, 'package.json'))) {
    const above = dirname(folder)
    if (above === folder)
      throw new Error('Rotunda is not installed as a package: no package.json above its kernel.')
    folder = above
  }
  return folder
}

function load(): Binding {
  const require = createRequire(import.meta.url)
  const native = require(join(packageRoot(), 'native', 'load.cjs')) as { loadKernel(): Binding }
  return native.loadKernel()
}

export const binding: Binding = load()
