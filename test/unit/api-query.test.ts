import test from 'ava'
import {
  numberParameter,
  parseQuery,
  prefixParameter,
  quorumParameter,
  timeoutParameter,
  wordParameter,
} from '../../src/api/query.js'
import { classify } from '../../src/api/target.js'
import { RotundaError } from '../../src/errors.js'
import { limits } from '../../src/limits.js'

const KNOWN = ['r', 'w', 'timeout', 'limit', 'prefix', 'versions']

function query(text: string) {
  return parseQuery(classify(`/v1/kv/b/k${text}`), KNOWN)
}

/** The message of the BAD_PARAM that `work` throws. */
function refusal(work: () => unknown): string {
  try {
    work()
  } catch (error) {
    if (error instanceof RotundaError && error.code === 'BAD_PARAM') return error.message
    throw error
  }
  throw new Error('nothing was refused')
}

test('no query, an empty one and empty pairs are no parameters', (t) => {
  for (const text of ['', '?', '?&', '?&&']) t.is(query(text).size, 0, text)
})

test('an unknown parameter is refused by name, and so is one that is there twice', (t) => {
  t.regex(
    refusal(() => query('?R=1')),
    /"R"/,
  )
  t.regex(
    refusal(() => query('?r=1&q=2')),
    /"q"/,
  )
  t.regex(
    refusal(() => query('?=1')),
    /""/,
  )
  t.regex(
    refusal(() => query('?__proto__=1')),
    /__proto__/,
  )
  t.regex(
    refusal(() => query('?constructor')),
    /constructor/,
  )
  t.regex(
    refusal(() => query('?r=1&r=1')),
    /twice/,
  )
  t.regex(
    refusal(() => query(`?${'x'.repeat(5000)}`)),
    /^.{1,200}$/,
  )
})

test('r and w are a name or a number from 1 up', (t) => {
  for (const name of ['one', 'quorum', 'all'] as const) t.is(quorumParameter(query(`?r=${name}`), 'r'), name)
  t.is(quorumParameter(query('?w=1'), 'w'), 1)
  t.is(quorumParameter(query(`?w=${limits.replicas}`), 'w'), limits.replicas)
  t.is(quorumParameter(query(''), 'r'), undefined)
  t.is(quorumParameter(query('?r=%31'), 'r'), 1)
  t.is(quorumParameter(query('?r=%71uorum'), 'r'), 'quorum')
  t.is(timeoutParameter(query('?timeout=1%3000')), 1000)
  t.is(wordParameter(query('?versions=tru%65'), 'versions', ['true']), 'true')
  for (const bad of [
    '0',
    `${limits.replicas + 1}`,
    '-1',
    '1.0',
    '01',
    '',
    'ONE',
    '1e0',
    '%2531',
    '%3',
    '%zz',
    '%31%30%30',
    ' 1',
    '9999999999',
  ])
    t.regex(
      refusal(() => quorumParameter(query(`?r=${bad}`), 'r')),
      /from 1 to N/,
      bad,
    )
})

test('the timeout has both its bounds', (t) => {
  t.is(timeoutParameter(query('')), limits.defaultTimeoutMs)
  t.is(timeoutParameter(query('?timeout=1')), 1)
  t.is(timeoutParameter(query(`?timeout=${limits.maxTimeoutMs}`)), limits.maxTimeoutMs)
  t.truthy(refusal(() => timeoutParameter(query('?timeout=0'))))
  t.truthy(refusal(() => timeoutParameter(query(`?timeout=${limits.maxTimeoutMs + 1}`))))
  t.truthy(refusal(() => timeoutParameter(query('?timeout'))))
})

test('numbers stay within what is asked for', (t) => {
  t.is(numberParameter(query('?limit=1000'), 'limit', 1, 1000, 100), 1000)
  t.is(numberParameter(query(''), 'limit', 1, 1000, 100), 100)
  t.truthy(refusal(() => numberParameter(query('?limit=1001'), 'limit', 1, 1000, 100)))
})

test('words are taken exactly', (t) => {
  t.is(wordParameter(query('?versions=true'), 'versions', ['true', 'false']), 'true')
  t.is(wordParameter(query(''), 'versions', ['true', 'false']), undefined)
  t.regex(
    refusal(() => wordParameter(query('?versions=1'), 'versions', ['true', 'false'])),
    /true or false/,
  )
})

test('a prefix is form-encoded UTF-8, or base64url on kv64 paths', (t) => {
  const prefix = (text: string, base64 = false): string =>
    Buffer.from(prefixParameter(query(text), base64)).toString('latin1')
  t.is(prefix(''), '')
  t.is(prefix('?prefix='), '')
  t.is(prefix('?prefix=a%2Fb/c+d'), 'a/b/c d')
  t.is(prefix('?prefix=_w', true), '\xff')
  t.is(prefix('?prefix=', true), '')
  t.truthy(refusal(() => prefix('?prefix=%ff')))
  t.is(prefix(`?prefix=${'x'.repeat(limits.keyBytes)}`).length, limits.keyBytes)
  t.truthy(refusal(() => prefix(`?prefix=${'x'.repeat(limits.keyBytes + 1)}`)))
})
