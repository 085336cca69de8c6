/** No panic of the core may cross the border: every export catches them. And the generated types name every export. */
import { readdirSync, readFileSync } from 'node:fs'
import test from 'ava'

const ROOT = new URL('../../../', import.meta.url)
const SOURCES = new URL('crates/kernel-napi/src/', ROOT)

test('every export of the binding catches panics and has its type', (t) => {
  const types = readFileSync(new URL('native/kernel/index.d.ts', ROOT), 'utf8')
  let exports = 0
  for (const file of readdirSync(SOURCES)) {
    const source = readFileSync(new URL(file, SOURCES), 'utf8')
    for (const [, attribute, name] of source.matchAll(/#\[napi(.*?)\](?:\s*#\[.*?\])*\s*pub fn (\w+)/g)) {
      t.regex(attribute!, /^\(catch_unwind/, `${name} in ${file}`)
      const camel = name!.replace(/_(\w)/g, (_, letter: string) => letter.toUpperCase())
      t.true(types.includes(`export declare function ${camel}(`), `${camel} has no type`)
      exports++
    }
  }
  const declared = types.match(/export declare function/g)?.length ?? 0
  t.true(exports > 0)
  t.is(exports, declared)
})
