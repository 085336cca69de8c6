import test from 'ava'
import fc from 'fast-check'
import { bucketOf, classify, keyOf } from '../../src/api/target.js'
import { RotundaError } from '../../src/errors.js'

function parts(target: string): string {
  const classified = classify(target)
  const piece = (of: typeof bucketOf): string => {
    try {
      return of(classified).toString('utf8')
    } catch (error) {
      return error instanceof RotundaError ? error.code : String(error)
    }
  }
  return classified.bucketAt === 0 ? classified.path : `${classified.path} ${piece(bucketOf)} ${piece(keyOf)}`
}

test('values, buckets and explanations are told apart on the raw target', (t) => {
  t.is(parts('/v1/kv/b/k'), '/v1/kv/{bucket}/{key} b k')
  t.is(parts('/v1/kv/b/k?r=1&x=/v1'), '/v1/kv/{bucket}/{key} b k')
  t.is(parts('/v1/kv/b%2Fc/k%2Fl'), '/v1/kv/{bucket}/{key} b/c k/l')
  t.is(parts('/v1/kv64/Yg/aw'), '/v1/kv64/{bucket}/{key} b k')
  t.is(parts('/v1/explain/b/k'), '/v1/explain/{bucket}/{key} b k')
  t.is(classify('/v1/kv/b').path, '/v1/kv/{bucket}')
  t.is(classify('/v1/kv/b?prefix=a/b').path, '/v1/kv/{bucket}')
  t.is(classify('/v1/kv64/Yg').path, '/v1/kv64/{bucket}')
  t.is(bucketOf(classify('/v1/kv/b?prefix=a')).toString(), 'b')
})

test('a swallowed key never becomes an operation on a bucket', (t) => {
  t.is(parts('/v1/kv/b/'), '/v1/kv/{bucket}/{key} b BAD_KEY')
  t.is(parts('/v1/kv/b/?x=y'), '/v1/kv/{bucket}/{key} b BAD_KEY')
  t.is(parts('/v1/kv/'), '/v1/kv/{bucket}/{key} BAD_KEY BAD_KEY')
  t.is(parts('/v1/kv//k'), '/v1/kv/{bucket}/{key} BAD_KEY k')
  t.is(parts('/v1/kv/b/k/'), '/v1/kv/{bucket}/{key} b BAD_KEY')
  t.is(parts('/v1/kv/b/k/l'), '/v1/kv/{bucket}/{key} b BAD_KEY')
  t.is(parts('/v1/kv64/Yg/'), '/v1/kv64/{bucket}/{key} b BAD_KEY')
  t.is(parts('/v1/explain/b'), '/v1/explain/{bucket}/{key} b BAD_KEY')
})

test('dots are bytes like others, and prefixes are not decoded', (t) => {
  t.is(parts('/v1/kv/b/..'), '/v1/kv/{bucket}/{key} b ..')
  t.is(parts('/v1/kv/b/%2e%2E'), '/v1/kv/{bucket}/{key} b ..')
  t.is(parts('/v1/kv/../kv'), '/v1/kv/{bucket}/{key} .. kv')
  t.is(parts('/v1/%6bv/b/k'), '/v1/%6bv/b/k')
  t.is(parts('/V1/KV/b/k'), '/V1/KV/b/k')
  t.is(parts('//v1/kv/b/k'), '//v1/kv/b/k')
  t.is(parts('/v1/kv'), '/v1/kv')
})

test('a target in absolute form has its authority taken off', (t) => {
  t.like(classify('http://host:7400/v1/kv/b/k?r=1'), {
    path: '/v1/kv/{bucket}/{key}',
    authority: 'host:7400',
  })
  t.is(parts('http://host/v1/kv/b/k'), '/v1/kv/{bucket}/{key} b k')
  t.like(classify('http://host?x=1'), { path: '/', authority: 'host' })
  t.like(classify('http://host'), { path: '/', authority: 'host' })
  t.like(classify('*'), { path: '*', authority: undefined })
  t.like(classify('host:80'), { path: 'host:80', authority: undefined })
  t.like(classify(''), { path: '', authority: undefined })
  t.is(classify('/v1/kv/b/http://x').authority, undefined)
})

test('any text is sorted without an exception, and only decoding refuses', (t) => {
  fc.assert(
    fc.property(
      fc.constantFrom('/v1/kv/', '/v1/kv64/', '/v1/explain/', '/', '', 'http://'),
      fc.string({ unit: 'binary' }),
      (start, rest) => {
        t.is(typeof parts(start + rest), 'string')
      },
    ),
  )
})
