import test from 'ava'
import { ALL_ROWS, nameOf, rowKeyOf, World } from './storage-world.js'

const text = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex')

function opened(): World {
  const world = new World()
  world.open()
  world.engine.calls.length = 0
  return world
}

test('rows are listed by hash range, keys by bucket, and dropped from both', (t) => {
  const world = opened()
  const names = Array.from({ length: 30 }, (_, i) => `k${String(i).padStart(2, '0')}`)
  for (const name of names) world.put(name, `v-${name}`)
  world.timeline.run()
  const rows = world.scan()().rows
  t.is(rows.length, 30)
  t.deepEqual(
    rows.map(({ rowKey }) => Buffer.from(rowKey).toString('latin1')),
    names.map((name) => Buffer.from(rowKeyOf(name)).toString('latin1')).sort(),
  )
  t.deepEqual(world.keys(''), names)
  t.deepEqual(world.keys('k1'), names.slice(10, 20))
  t.deepEqual(world.keys('k1', 'k17'), ['k18', 'k19'])
  t.deepEqual(world.keys('k2', 'a'), names.slice(20))
  t.deepEqual(world.keys('x'), [])
  world.write({ type: 'drop', rowKey: rowKeyOf('k15') })
  world.timeline.run()
  t.is(world.readNow('k15'), undefined)
  t.deepEqual(world.keys('k15'), [])
  t.is(world.scan()().rows.length, 29)
})

test('pages of rows and of keys go on where the last ended', (t) => {
  const world = opened()
  for (let i = 0; i < 25; i++) world.put(`k${i}`, 'v')
  world.timeline.run()
  const rows: string[] = []
  for (let from: Uint8Array<ArrayBufferLike> | undefined = new Uint8Array(0); from !== undefined; ) {
    const page = world.scan({ ...ALL_ROWS, from, maxRows: 7 })()
    rows.push(...page.rows.map(({ rowKey }) => Buffer.from(rowKey).toString('hex')))
    from = page.next
  }
  t.is(new Set(rows).size, 25)
  t.is(rows.length, 25)
  const keys: string[] = []
  for (let after: Uint8Array | undefined, on = true; on; on = after !== undefined) {
    const page = world.index('', after, 7)
    keys.push(...page.keys.map((key) => Buffer.from(key).toString()))
    after = page.next
  }
  t.is(new Set(keys).size, 25)
})

test('a scan reports a damaged row where it is; damaged index rows and a failing engine are told', (t) => {
  const world = opened()
  for (const name of ['a', 'b', 'c']) world.put(name, 'v')
  world.timeline.run()
  const row = Uint8Array.from(world.disk.rows.get(nameOf('b'))!)
  row[row.length - 1]! ^= 1
  world.disk.rows.set(nameOf('b'), row)
  const page = world.scan()()
  t.is(page.rows.length, 3)
  t.is(page.rows.find(({ rowKey }) => Buffer.from(rowKey).equals(rowKeyOf('b')))?.row, 'unreadable')
  t.true(page.damaged)
  t.false(page.failed)
  t.deepEqual(
    world.unreadable.map(text),
    [text(rowKeyOf('b'))],
    'told once, so that it is fetched from others',
  )
  t.is(world.guard.stats.tablesDamaged, 0)

  world.disk.rows.set('i\u0006bucketbb', world.disk.rows.get('i\u0006bucketb')!)
  const keys = world.index('')
  t.deepEqual(
    keys.keys.map(String),
    ['a', 'b', 'c'].map((name) => String(Buffer.from(name))),
  )
  t.true(keys.damaged)

  world.engine.failScans.push('corrupt')
  const failed = world.scan()()
  t.true(failed.failed && failed.damaged)
  t.is(failed.next, undefined)
  t.is(world.guard.state, 'open')
  t.is(world.guard.stats.tablesDamaged, 1)
  t.is(world.unreadable.length, 1, 'no row is meant')
  world.scan()()
  t.is(world.guard.stats.tablesDamaged, 0)
})

test('system records survive a restart, are checked, and go', (t) => {
  const world = opened()
  world.write({ type: 'system', name: 'identity', value: Buffer.from('me') })
  world.timeline.run()
  t.deepEqual(world.systemNow('identity'), Buffer.from('me'))
  t.is(world.systemNow('other'), undefined)
  world.close()
  const again = new World(world.disk)
  again.open()
  t.deepEqual(again.systemNow('identity'), Buffer.from('me'))
  const record = Uint8Array.from(again.disk.rows.get('sidentity')!)
  again.disk.rows.set('sother', record)
  t.is(again.systemNow('other'), 'unreadable')
  record[record.length - 1]! ^= 1
  again.disk.rows.set('sidentity', record)
  t.is(again.systemNow('identity'), 'unreadable')
  again.write({ type: 'system', name: 'identity', value: undefined })
  again.timeline.run()
  t.is(again.systemNow('identity'), undefined)
})

test('an index row that cannot be read is written anew, and the next listing is whole', (t) => {
  const world = opened()
  for (const name of ['a', 'b', 'c']) world.put(name, 'v')
  world.timeline.run()
  const good = world.disk.rows.get('i\u0006bucketb')!
  const bad = Uint8Array.from(good)
  bad[1]! ^= 1
  world.disk.rows.set('i\u0006bucketb', bad)
  const first = world.index('')
  t.deepEqual(first.keys.map(String), ['a', 'c'])
  t.true(first.damaged)
  world.timeline.run()
  const second = world.index('')
  t.deepEqual(second.keys.map(String), ['a', 'b', 'c'])
  t.false(second.damaged)
  t.deepEqual(Buffer.from(world.disk.rows.get('i\u0006bucketb')!), Buffer.from(good))
})

test('a node that takes no writes leaves an unreadable index row as it is', (t) => {
  const world = opened()
  world.put('a', 'v')
  world.timeline.run()
  const bad = Uint8Array.from(world.disk.rows.get('i\u0006bucketa')!)
  bad[1]! ^= 1
  world.disk.rows.set('i\u0006bucketa', bad)
  world.guard.close(() => {})
  t.deepEqual(world.index('').keys.map(String), [])
  world.timeline.run()
  t.deepEqual(Buffer.from(world.disk.rows.get('i\u0006bucketa')!), Buffer.from(bad))
})
