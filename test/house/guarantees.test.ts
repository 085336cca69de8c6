/** Every promise of docs/guarantees.md that names a test names one that is there, and every invariant one that the simulator checks. */
import { readFileSync } from 'node:fs'
import test from 'ava'
import { INVARIANTS } from '../sim/check/violation.js'

const root = new URL('../../../', import.meta.url)
const read = (path: string): string => readFileSync(new URL(path, root), 'utf8')
const text = read('docs/guarantees.md').replace(/\s+/g, ' ')

/** `test/x.test.ts` "title" and "title": each title with the file named last before it. */
function named(): { file: string; title: string }[] {
  const found: { file: string; title: string }[] = []
  let file = ''
  for (const [, path, title] of text.matchAll(/`(test\/[^`]+)`|"([^"]+)"/g)) {
    if (path !== undefined) file = path
    else if (file !== '' && title !== 'there is nothing') found.push({ file, title: title! })
  }
  return found
}

test('the tests that the guarantees name are there', (t) => {
  const tests = named()
  t.true(tests.length >= 14)
  for (const { file, title } of tests) t.true(read(file).includes(title), `${file} has no test "${title}"`)
})

test('the promises that the guarantees name are checked', (t) => {
  const promises = [...text.matchAll(/`(A\d+)`/g)].map(([, name]) => name!)
  t.true(promises.length >= 10)
  for (const name of promises) t.true(name in INVARIANTS, name)
})
