/** Other builds of Rotunda for tests of mixed clusters: this one, with the versions that it speaks exchanged while its modules are loaded. */
import type { Patch } from '../sim/canaries/index.js'

export const BUILD_VARIABLE = 'TEST_BUILD'

const RANGES = {
  file: 'src/wire/versions.js',
  find: 'SPEAKS = { wire: { min: 1, max: 2 }, storage: { min: 1, max: 1 } }',
} as const

function speaking(wire: string, storage: string): Patch {
  return { ...RANGES, replace: `SPEAKS = { wire: { ${wire} }, storage: { ${storage} } }` }
}

export const BUILDS: Readonly<Record<string, readonly Patch[]>> = {
  /** Before wire version 2: it does not know its messages, and drops whoever sends one. */
  old: [
    speaking('min: 1, max: 1', 'min: 1, max: 1'),
    {
      file: 'src/wire/decode.js',
      find: 'if (type === 26)',
      replace: "if (type > 26) throw new WireError('this build does not know it');\n    if (type === 26)",
    },
  ],
  /** With a storage version of its own beside the present one. */
  next: [speaking('min: 1, max: 2', 'min: 1, max: 2')],
  /** Of a time when nothing of today is left. */
  alien: [speaking('min: 7, max: 8', 'min: 1, max: 1')],
}
