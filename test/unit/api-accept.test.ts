import test from 'ava'
import { formFor } from '../../src/api/accept.js'

test('a list is JSON unless multipart is what the client prefers', (t) => {
  const json = [
    undefined,
    '',
    '*/*',
    'application/json',
    'text/html',
    'text/plain;q=1, */*;q=0.1',
    'application/json, multipart/mixed',
    'multipart/mixed, application/json',
    'multipart/mixed;q=0.5, application/json',
    'multipart/mixed;q=0',
    'multipart/mixed;q=0, */*',
    'multipart/mixed;q=2',
    'multipart/mixed;q=nonsense, application/json;q=0.1',
    'multipart/mixedx',
    'application/*, multipart/*',
    ';;,,=;q=',
  ]
  for (const accept of json) t.is(formFor(accept), 'json', String(accept))
})

test('multipart by name, by quality, by precision', (t) => {
  const multipart = [
    'multipart/mixed',
    'MULTIPART/Mixed',
    'multipart/*',
    'multipart/mixed;q=0.1',
    'multipart/mixed, */*',
    'multipart/mixed, text/html',
    'multipart/mixed, application/json;q=0.9',
    'multipart/mixed; boundary=x ; Q = 0.8 , application/json ; q=0.7',
    'multipart/*, */*',
    '*/*, application/json;q=0',
  ]
  for (const accept of multipart) t.is(formFor(accept), 'multipart', accept)
})

test('a very long header is looked at within a bound', (t) => {
  t.is(formFor(`${'text/plain,'.repeat(6000)}multipart/mixed`), 'json')
})
