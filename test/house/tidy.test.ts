import test from 'ava'
import { printed, repositorySources } from './repository.js'
import { RULES } from './rules/index.js'

/** Style is a failing test: the whole repository, by each rule of the house. What each rule catches is shown in rules.test.ts. */
const sources = repositorySources()

test('the walk over the repository finds it', (t) => {
  const paths = new Set(sources.map(({ path }) => path))
  for (const path of [
    'package.json',
    'native/load.cjs',
    'src/limits.ts',
    'crates/kernel/src/lib.rs',
    'test/house/tidy.test.ts',
  ]) {
    t.true(paths.has(path), path)
  }
})

for (const [name, rule] of Object.entries(RULES)) {
  test(name, (t) => {
    t.deepEqual(printed(rule(sources)), [])
  })
}
