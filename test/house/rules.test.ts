import test from 'ava'
import { printed, type Source } from './repository.js'
import { bannedCalls } from './rules/banned-calls.js'
import { catchUnwind, pureKernel } from './rules/borders.js'
import { deadFiles } from './rules/dead-files.js'
import { directions } from './rules/directions.js'
import { anchorsOf, documents } from './rules/documents.js'
import { MAX_LINES, names, sizes } from './rules/sizes-and-names.js'
import { assertions, leftovers, switchedOff } from './rules/tests-that-test.js'
import { traces } from './rules/traces.js'

/** Each rule of the house is given a source that breaks it: a rule that finds nothing here would find nothing anywhere. */
function file(path: string, text: string): Source {
  return { path, text }
}

/** Builds the text of a violation from halves, so that the rules, which read this file too, do not find it here. */
function joined(...halves: string[]): string {
  return halves.join('')
}

const against: readonly (readonly [path: string, imported: string])[] = [
  ['src/protocol/read.ts', '../node/turn.js'],
  ['src/protocol/read.ts', '../ports/clock.js'],
  ['src/protocol/read.ts', 'node:crypto'],
  ['src/protocol/read.ts', 'pino'],
  ['src/protocol/read.ts', '#native'],
  ['src/wire/frame.ts', 'node:buffer'],
  ['src/wire/frame.ts', '../protocol/effects.js'],
  ['src/node/turn.ts', '../io/clock.js'],
  ['src/node/turn.ts', '../api/edge.js'],
  ['src/node/turn.ts', 'node:fs'],
  ['src/node/turn.ts', '../../native/load.cjs'],
  ['src/io/clock.ts', '../node/turn.js'],
  ['src/api/edge.ts', '../io/log.js'],
  ['src/api/edge.ts', '../config.js'],
  ['src/ports/clock.ts', 'node:perf_hooks'],
  ['src/kernel/row.ts', '../wire/bytes.js'],
  ['src/client/connect.ts', 'node:http'],
  ['src/client/connect.ts', '../kernel/index.js'],
  ['src/limits.ts', 'node:os'],
  ['src/limits.ts', './cli/values.js'],
  ['src/cli/put.ts', '../main.js'],
  ['src/api/edge.ts', '../../test/unit/x.js'],
]

for (const [path, imported] of against) {
  test(`directions: ${path} may not import ${imported}`, (t) => {
    const found = directions([file(path, `import { x } from '${imported}'`)])
    t.is(found.length, 1)
    t.is(found[0]!.line, 1)
  })
}

const along: readonly (readonly [path: string, line: string])[] = [
  ['src/main.ts', `import x from './cli/commands.js'`],
  ['src/cli/start.ts', `import x from '../io/clock.js'`],
  ['src/api/edge.ts', `import x from '../node/requests.js'`],
  ['src/api/edge.ts', `import x from 'fastify'`],
  ['src/node/turn.ts', `import x from '../protocol/effects.js'`],
  ['src/protocol/read.ts', `import x from '../kernel/index.js'`],
  ['src/wire/handshake.ts', `import type { Hello } from '../ports/network.js'`],
  ['src/io/log.ts', `import x from 'pino'`],
  ['src/io/engines/rocksdb.ts', `import x from '#native'`],
  ['src/kernel/binding.ts', `import x from '#native'`],
  ['src/kernel/binding.ts', `import type * as G from '../../native/kernel/index.js'`],
  ['src/client/connect.ts', `import x from '../limits.js'`],
]

for (const [path, line] of along) {
  test(`directions: ${path} may have ${line}`, (t) => {
    t.deepEqual(printed(directions([file(path, line)])), [])
  })
}

test('directions: a folder that is no layer is refused', (t) => {
  t.is(directions([file('src/stuff/x.ts', '')]).length, 1)
})

test('directions: ports reach the wire as types only', (t) => {
  t.is(directions([file('src/wire/x.ts', `import { realClock } from '../ports/clock.js'`)]).length, 1)
})

const banned: readonly (readonly [path: string, code: string])[] = [
  ['src/protocol/read.ts', 'const at = Date.now()'],
  ['src/node/turn.ts', 'const at = new Date()'],
  ['src/api/edge.ts', 'const at = Date.now()'],
  ['src/node/turn.ts', 'performance.now()'],
  ['src/node/turn.ts', 'const n = Math.random()'],
  ['src/api/edge.ts', `crypto.randomBytes(8)`],
  ['src/node/turn.ts', 'setTimeout(run, 5)'],
  ['src/protocol/read.ts', 'setImmediate(run)'],
  ['src/node/turn.ts', 'queueMicrotask(run)'],
  ['src/protocol/read.ts', 'async function f() {}'],
  ['src/wire/frame.ts', 'await x'],
  ['src/wire/frame.ts', 'new Promise(() => {})'],
  ['src/node/turn.ts', 'process.env.X'],
  ['src/api/edge.ts', 'process.exit(1)'],
  ['src/io/log.ts', 'console.log(1)'],
  ['src/protocol/read.ts', 'fetch(url)'],
  ['bench/main.ts', joined('eval', '(text)')],
]

for (const [path, code] of banned) {
  test(`banned calls: ${code} in ${path}`, (t) => {
    const found = bannedCalls([file(path, `\n${code}`)])
    t.is(found.length, 1)
    t.is(found[0]!.line, 2)
    t.regex(found[0]!.what, /: use /)
  })
}

test('banned calls: allowed where a port is made real, in words, and in strings', (t) => {
  const fine = [
    file('src/io/clock.ts', 'export const wallMs = () => Date.now()'),
    file('src/protocol/read.ts', '// a Promise would need setTimeout\nconst what = "Date.now()"'),
    file('src/api/edge.ts', 'const shown = new Date(wallMs).toUTCString()'),
    file('src/cli/dev.ts', 'process.exit(0)'),
  ]
  t.deepEqual(printed(bannedCalls(fine)), [])
})

test('sizes: one line past the limit is found, the limit is not', (t) => {
  const lines = (count: number) => `${'x()\n'.repeat(count)}`
  t.is(sizes([file('src/node/turn.ts', lines(MAX_LINES + 1))]).length, 1)
  t.is(sizes([file('crates/kernel/src/clock.rs', lines(MAX_LINES + 1))]).length, 1)
  t.deepEqual(sizes([file('src/node/turn.ts', lines(MAX_LINES))]), [])
})

test('names: wrong case and empty words are found', (t) => {
  const bad = [
    'src/node/groupCommit.ts',
    'src/node/Guard.ts',
    'crates/kernel/src/exact-clock.rs',
    'src/api/utils.ts',
  ]
  const found = names([...bad, 'src/io/file-info.ts'].map((path) => file(path, '')))
  t.is(found.length, 5)
  const good = [
    'src/node/group-commit.ts',
    'test/unit/row.test.ts',
    'crates/kernel/src/exact_clock.rs',
    'src/cli/data-directory.ts',
  ]
  t.deepEqual(names(good.map((path) => file(path, ''))), [])
})

test('assertions: a test that asserts nothing is found, one that leans on a suite is not', (t) => {
  const suite = file('test/conformance/engine.ts', 'export function suite(t) { t.is(1, 1) }')
  const leans = file('test/conformance/memory.test.ts', `import { suite } from './engine.js'`)
  const empty = file('test/unit/empty.test.ts', `import test from 'ava'\ntest('x', () => {}) // t.is(1, 1)`)
  t.deepEqual(printed(assertions([suite, leans, empty])), ['test/unit/empty.test.ts:1 asserts nothing'])
})

for (const word of ['only', 'skip', 'todo', 'failing']) {
  test(`switched off: test.${word} and test.serial.${word} are found`, (t) => {
    const text = joined('test.', word, `('x', f)\ntest.serial.`, word, `('y', f)`)
    t.deepEqual(
      switchedOff([file('test/unit/x.test.ts', text)]).map(({ line }) => line),
      [1, 2],
    )
  })
}

test('switched off: a choice by platform is fine', (t) => {
  const text = `const onPosix = process.platform === 'win32' ? test.skip : test`
  t.deepEqual(switchedOff([file('test/unit/x.test.ts', text)]), [])
})

test('leftovers: notes to oneself are found', (t) => {
  t.is(leftovers([file('src/node/turn.ts', joined('// TO', 'DO: later'))]).length, 1)
  t.is(leftovers([file('crates/kernel/src/lib.rs', joined('to', 'do!()'))]).length, 1)
})

test('dead files: what no entry reaches is found, also when a test or another dead file imports it', (t) => {
  const sources = [
    file('src/main.ts', `import './alive.js'`),
    file('src/alive.ts', `export const load = () => import('./lazy.js')`),
    file('src/lazy.ts', ''),
    file('src/dead.ts', `import './deader.js'`),
    file('src/deader.ts', ''),
    file('test/unit/dead.test.ts', `import '../../src/dead.js'`),
  ]
  t.deepEqual(
    deadFiles(sources).map(({ path }) => path),
    ['src/dead.ts', 'src/deader.ts'],
  )
})

test('documents: dead links, wrong anchors and files that are not there are found', (t) => {
  const page = file(
    'docs/a.md',
    [
      '# One heading, `here`',
      '[ok](b.md) [ok](../README.md#two) [ok](#one-heading-here) [ok](https://example.com/x)',
      '[dead](c.md)',
      '[no such heading](b.md#three)',
      'see `src/gone.ts` and `src/there.ts`',
      '```md',
      '[an example](nowhere.md)',
      '```',
    ].join('\n'),
  )
  const others = [file('docs/b.md', '# B'), file('README.md', '# Two'), file('src/there.ts', '')]
  t.deepEqual(
    documents([page, ...others]).map(({ line }) => line),
    [3, 4, 5],
  )
})

test('documents: headings that repeat get numbered anchors', (t) => {
  t.deepEqual([...anchorsOf('# A b\n## A b\n# C: d_e')], ['a-b', 'a-b-1', 'c-d_e'])
})

test('traces: folders of one machine and hosts of registries are found', (t) => {
  const bad = [
    joined('see /ro', 'ot/x'),
    joined('in /wo', 'rk/main'),
    joined('/ho', 'me/me/rotunda'),
    joined('https://regis', 'try.npmjs.org/ws'),
    joined('"resol', 'ved": "https://example.com/ws.tgz"'),
  ]
  for (const text of bad) t.is(traces([file('docs/a.md', text)]).length, 1, text)
  t.deepEqual(
    traces([file('docs/a.md', 'data in /var/lib/rotunda, `src/work/x`, https://example.com/work/a')]),
    [],
  )
})

test('borders: an export without catch_unwind is found', (t) => {
  const text =
    '#[napi]\npub fn a() {}\n#[napi(js_name = "b")]\npub fn b() {}\n#[napi(catch_unwind, js_name = "c")]\npub fn c() {}'
  t.deepEqual(
    catchUnwind([file('crates/kernel-napi/src/lib.rs', text)]).map(({ line }) => line),
    [1, 3],
  )
})

test('borders: what would make the kernel impure or a panic fatal is found', (t) => {
  const bad = [
    file('Cargo.toml', '[profile.release]\npanic = "abort"'),
    file('crates/kernel/Cargo.toml', '[dependencies]\nnapi = "3"'),
    file('crates/kernel/src/lib.rs', 'fn f() { unsafe { g() } }'),
    file('crates/kernel/src/key.rs', 'use std::time::Instant;'),
  ]
  for (const source of bad) t.is(pureKernel([source]).length, 1, source.text)
})
