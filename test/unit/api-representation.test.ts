import test from 'ava'
import fc from 'fast-check'
import { etagFor, noneMatchNames } from '../../src/api/etag.js'
import { asHeader, asText, httpDate } from '../../src/api/header-text.js'
import { multipart, versionHeaders, versionsJson } from '../../src/api/representation.js'
import { versionsOf } from '../../src/api/versions.js'
import {
  type Attributes,
  applyWrite,
  applyWriteBound,
  encodeAttributes,
  rowObject,
  type Sibling,
} from '../../src/kernel/index.js'

const NOTHING = new Uint8Array(0)

function sibling(value: string | Uint8Array, attributes: Partial<Attributes> = {}): Sibling {
  return {
    dot: { actor: Buffer.alloc(14), counter: 1 },
    tombstone: false,
    wallMs: 1_700_000_000_123,
    operation: NOTHING,
    operationIsClients: false,
    expiryMs: undefined,
    attributes: encodeAttributes({ contentType: '', contentEncoding: '', meta: [], ...attributes }),
    value: Buffer.from(value),
  }
}

/** Splits a multipart body as RFC 2046 says, trusting nothing but the boundary. */
function parts(body: Buffer, contentType: string): { head: string; value: string }[] {
  const boundary = /boundary="([^"]+)"/.exec(contentType)![1]!
  const text = body.toString('latin1')
  const pieces = `\r\n${text}`.split(`\r\n--${boundary}`)
  if (pieces.shift() !== '' || pieces.pop() !== '--\r\n') throw new Error('not delimited by its boundary')
  return pieces.map((piece) => {
    const end = piece.indexOf('\r\n\r\n')
    return { head: piece.slice(2, end), value: piece.slice(end + 4) }
  })
}

test('multipart keeps every byte of every value, also of one that tries to end its part', (t) => {
  const hostile = '\r\n--rotunda-digest-0\r\nContent-Type: text/evil\r\n\r\nx\r\n--rotunda-digest-0--\r\n'
  const values = [hostile, '', '\r\n', '--', Buffer.from([0, 255, 13, 10, 45, 45]), '--rotunda-digest-1']
  const { contentType, body } = multipart(
    'digest',
    values.map((value) => sibling(value)),
  )
  t.deepEqual(
    parts(body, contentType).map(({ value }) => value),
    values.map((value) => Buffer.from(value).toString('latin1')),
  )
})

test('multipart of any values', (t) => {
  fc.assert(
    fc.property(fc.array(fc.uint8Array({ maxLength: 40 }), { minLength: 1, maxLength: 6 }), (values) => {
      const { contentType, body } = multipart(
        'd',
        values.map((value) => sibling(value)),
      )
      t.deepEqual(
        parts(body, contentType).map(({ value }) => value),
        values.map((value) => Buffer.from(value).toString('latin1')),
      )
    }),
  )
})

test('attributes that could break a head are left out of it', (t) => {
  const version = sibling('v', {
    contentType: 'text/html\r\nX-Evil: 1',
    contentEncoding: 'gzip\0',
    meta: [
      ['good', 'yes'],
      ['bad', 'a\nb'],
      ['wide', 'Ž€'],
      ['latin', '\xfcber'],
    ],
  })
  const headers = versionHeaders(version)
  t.deepEqual(headers.slice(0, 2), ['Content-Type', 'application/octet-stream'])
  t.false(headers.some((text) => /[\r\n\0]/.test(text)))
  t.true(headers.includes('Rotunda-Meta-good'))
  t.false(headers.includes('Rotunda-Meta-bad'))
  t.is(headers[headers.indexOf('Rotunda-Meta-wide') + 1], Buffer.from('Ž€').toString('latin1'))
  t.is(headers[headers.indexOf('Rotunda-Meta-latin') + 1], '\xfcber')
  t.is(headers[headers.indexOf('Last-Modified') + 1], 'Tue, 14 Nov 2023 22:13:20 GMT')
})

test('attributes that cannot be read do not hide the value', (t) => {
  const headers = versionHeaders({ ...sibling('v'), attributes: Buffer.from([99, 1, 2]) })
  t.deepEqual(headers.slice(0, 2), ['Content-Type', 'application/octet-stream'])
})

test('JSON shows keys as text or base64url, and meta names as any others', (t) => {
  const one = sibling('é', {
    contentType: 'text/plain',
    meta: [
      ['__proto__', Buffer.from('Žofia').toString('latin1')],
      ['constructor', 'c'],
    ],
  })
  const shown = JSON.parse(JSON.stringify(versionsJson(Buffer.from('b'), Buffer.from([255]), 'token', [one])))
  t.like(shown, { bucket: 'b', key64: '_w', context: 'token' })
  t.false('key' in shown)
  const [version] = shown.versions
  t.is(version.value, Buffer.from('é').toString('base64'))
  t.is(version.writtenAt, '2023-11-14T22:13:20.123Z')
  t.deepEqual(Object.entries(version.meta), [
    ['__proto__', 'Žofia'],
    ['constructor', 'c'],
  ])
  t.is(Object.getPrototypeOf({}), Object.prototype)
})

/** An object with one blind put for each of these operation ids. */
function objectOf(operations: readonly string[]): Uint8Array {
  let row: Uint8Array = NOTHING
  for (const [number, operation] of operations.entries()) {
    const write = {
      tombstone: false,
      incomplete: false,
      wallMs: number,
      operation: Buffer.from(operation),
      operationIsClients: operation !== '',
      attributes: NOTHING,
      value: Buffer.from(String(number)),
    }
    // The kernel refuses the same operation in one row: only replicas that meet later can hold it twice.
    const out = Buffer.alloc(applyWriteBound(row, NOTHING, write))
    const length = applyWrite(
      row,
      Buffer.alloc(14, 1),
      NOTHING,
      write,
      { maxSiblings: 99, maxBytes: 999 },
      out,
    )
    if (length > 0) row = out.subarray(0, length)
  }
  return rowObject(row)
}

test('versions without an operation id are all shown', (t) => {
  t.is(versionsOf(objectOf(['', '', ''])).live.length, 3)
  t.is(versionsOf(objectOf(['a', 'b'])).live.length, 2)
})

test('no object, and none known, are no versions', (t) => {
  for (const object of [undefined, NOTHING]) {
    const { live, tombstones, clock } = versionsOf(object)
    t.deepEqual([live.length, tombstones.length, clock.length], [0, 0, 0])
  }
})

test('texts of headers: latin1 in, latin1 out, UTF-8 for people', (t) => {
  t.is(asHeader('plain\ttext'), 'plain\ttext')
  for (const bad of ['a\nb', 'a\rb', 'a\0b', 'a\x7fb', 'a\x1bb']) t.is(asHeader(bad), undefined)
  t.is(asText('\xc3\xa9'), 'é')
  t.is(asText('\xe9'), '\xe9')
  t.is(asText('Ž'), 'Ž')
})

test('dates are to the second, also when one repeats', (t) => {
  t.is(httpDate(0), 'Thu, 01 Jan 1970 00:00:00 GMT')
  t.is(httpDate(999), 'Thu, 01 Jan 1970 00:00:00 GMT')
  t.is(httpDate(1000), 'Thu, 01 Jan 1970 00:00:01 GMT')
  t.is(httpDate(0), 'Thu, 01 Jan 1970 00:00:00 GMT')
  t.notThrows(() => httpDate(2 ** 48 - 1))
})

test('If-None-Match: one tag, a list, the star, weak and strong alike', (t) => {
  const strong = etagFor('abc', 'value')
  const weak = etagFor('abc', 'json')
  t.is(strong, '"abc"')
  t.is(weak, 'W/"abc.j"')
  for (const header of ['"abc"', 'W/"abc"', '*', ' * ', '"x", "abc"', '"x",W/"abc"'])
    t.true(noneMatchNames(header, strong), header)
  for (const header of ['"abc.j"', 'W/"abc.j"']) t.true(noneMatchNames(header, weak), header)
  for (const header of ['abc', '"ab"', '', '"abc', 'w/"abc"']) t.false(noneMatchNames(header, strong), header)
  t.false(noneMatchNames('"abc"', weak))
})
