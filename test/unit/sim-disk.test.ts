import test from 'ava'
import { SimDisk } from '../sim/disk.js'
import { Prng } from '../sim/prng.js'

const value = (text: string) => Buffer.from(text)
const put = (key: string, text: string) => [{ key, value: value(text) }]
const read = (disk: SimDisk, key: string) => {
  const row = disk.get(key)
  return row === undefined ? undefined : Buffer.from(row).toString()
}

test('a kill keeps what was written, a power cut what was synced and perhaps a prefix of the rest', (t) => {
  const kept = new Set<string>()
  for (let seed = 0; seed < 40; seed += 1) {
    const disk = new SimDisk()
    disk.write(put('a', 'synced'))
    disk.sync()
    for (const key of ['b', 'c', 'd']) disk.write(put(key, 'written'))
    disk.kill()
    t.deepEqual(disk.keys(), ['a', 'b', 'c', 'd'])
    disk.cutPower(new Prng(`power ${seed}`))
    kept.add(disk.keys().join(''))
  }
  t.deepEqual([...kept].sort(), ['a', 'ab', 'abc', 'abcd'])
})

test('behind a hole in the log everything is acknowledged, and gone at the next open', (t) => {
  const disk = new SimDisk()
  disk.write(put('a', 'before'))
  disk.sync()
  disk.tearLog()
  disk.write(put('b', 'after'))
  disk.sync()
  t.is(read(disk, 'b'), 'after')
  t.is(disk.durable('b'), undefined)
  disk.reopen()
  t.is(read(disk, 'b'), undefined)
  t.is(read(disk, 'a'), 'before')
  disk.write(put('b', 'again'))
  disk.sync()
  t.truthy(disk.durable('b'), 'the reopen mended the log')
})

test('after a failed sync the next one succeeds without making the pages durable; a reopen does', (t) => {
  const disk = new SimDisk()
  disk.write(put('a', 'unlucky'))
  disk.failSync()
  disk.sync()
  t.is(disk.durable('a'), undefined)
  disk.kill()
  t.is(read(disk, 'a'), 'unlucky')
  disk.reopen()
  t.truthy(disk.durable('a'))
})

test('a damaged log loses a tail that is older than a crash explains', (t) => {
  let now = 0
  for (let seed = 0; seed < 20; seed += 1) {
    const disk = new SimDisk(() => now)
    for (now = 0; now < 10; now += 1) {
      disk.write(put('counter', String(now)))
      disk.sync()
    }
    const lost = disk.loseTail(new Prng(`tail ${seed}`), 7)
    t.true(lost > 3 && lost <= 10)
    t.is(read(disk, 'counter'), lost === 10 ? undefined : String(9 - lost))
  }
})

test('an image is what was durable when it was taken', (t) => {
  const disk = new SimDisk()
  disk.write(put('a', 'one'))
  disk.sync()
  disk.slots = [value('slot'), undefined]
  const image = disk.image()
  disk.write(put('a', 'two'))
  disk.sync()
  disk.slots = [value('slot'), value('newer')]
  disk.restore(image)
  t.is(read(disk, 'a'), 'one')
  t.deepEqual(disk.slots, [value('slot'), undefined])
  disk.wipe()
  t.true(disk.isEmpty)
})

test('writing a damaged row heals it', (t) => {
  const disk = new SimDisk()
  disk.write(put('a', 'one'))
  disk.damaged.set('a', 'flip')
  disk.write(put('a', 'two'))
  t.false(disk.damaged.has('a'))
})
