import { readFileSync, writeFileSync } from 'node:fs'
import test from 'ava'
import { ERRORS } from '../../src/errors.js'
import { errorsPage } from './errors-page.js'

const PAGE = 'docs/errors.md'

test('docs/errors.md is the table of errors', (t) => {
  if (process.env.UPDATE_DOCS === '1') writeFileSync(PAGE, errorsPage())
  t.is(readFileSync(PAGE, 'utf8').replaceAll('\r\n', '\n'), errorsPage())
})

test('every error has a status of its class, one sentence, and no promise that it cannot keep', (t) => {
  for (const [code, { status, retry, mayBeWritten, sentence }] of Object.entries(ERRORS)) {
    t.regex(code, /^[A-Z]+(_[A-Z]+)*$/)
    t.true(status >= 400 && status < 600, code)
    t.regex(sentence, /^[A-Z].*\.$/, code)
    if (mayBeWritten) t.notRegex(sentence, /nothing was written/i, code)
    if (status < 500) t.false(mayBeWritten, code)
    if (retry) t.true(status >= 500 || status === 408, code)
  }
})
