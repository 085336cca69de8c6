import { readFileSync } from 'node:fs'
import test from 'ava'
import { CANARIES } from '../sim/canaries/index.js'
import { INVARIANTS } from '../sim/check/violation.js'

for (const canary of CANARIES) {
  test(`the patches of canary ${canary.name} fit the code`, (t) => {
    const files = new Map<string, string>()
    for (const { file, find, replace } of canary.patches) {
      const source = files.get(file) ?? readFileSync(new URL(`../../${file}`, import.meta.url), 'utf8')
      const parts = source.split(find)
      t.is(parts.length, 2, `${file} holds ${parts.length - 1} times: ${find}`)
      files.set(file, parts.join(replace))
    }
  })
}

test('every invariant has a canary', (t) => {
  const broken = new Set(CANARIES.flatMap((canary) => canary.breaks))
  t.deepEqual(
    Object.keys(INVARIANTS).filter((invariant) => !broken.has(invariant as never)),
    [],
  )
})

test('names of canaries are unique', (t) => {
  t.is(new Set(CANARIES.map((canary) => canary.name)).size, CANARIES.length)
})
