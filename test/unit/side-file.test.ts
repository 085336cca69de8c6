import { mkdtempSync, readFileSync, rmSync, statSync, truncateSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import test, { type ExecutionContext } from 'ava'
import { DiskSideFile } from '../../src/io/side-file.js'
import { DiskSpace } from '../../src/io/space.js'
import type { Completion } from '../../src/ports/engine.js'

type Slots = readonly [Uint8Array | undefined, Uint8Array | undefined]

test('slots that were never written are undefined, and looking makes no file', async (t) => {
  const directory = temporary(t)
  const file = new DiskSideFile(join(directory, 'boots'))
  t.deepEqual(await read(file), [undefined, undefined])
  t.throws(() => statSync(join(directory, 'boots')), { code: 'ENOENT' })
})

test('each slot keeps its own last content; the file has its length from the first write on', async (t) => {
  const path = join(temporary(t), 'boots')
  const file = new DiskSideFile(path)
  await write(file, 1, Buffer.from('one'))
  const { size } = statSync(path)
  t.deepEqual(await read(file), [undefined, Buffer.from('one')])
  await write(file, 0, Buffer.alloc(512, 7))
  await write(file, 1, Buffer.from('b'))
  t.deepEqual(await read(new DiskSideFile(path)), [Buffer.alloc(512, 7), Buffer.from('b')])
  t.is(statSync(path).size, size)
})

test('more than a slot holds is refused, and the slot keeps what it has', async (t) => {
  const file = new DiskSideFile(join(temporary(t), 'boots'))
  await write(file, 0, Buffer.from('kept'))
  await t.throwsAsync(write(file, 0, Buffer.alloc(513)))
  t.deepEqual((await read(file))[0], Buffer.from('kept'))
})

test('a file that was cut or scribbled over still gives two slots', async (t) => {
  const path = join(temporary(t), 'boots')
  const file = new DiskSideFile(path)
  await write(file, 0, Buffer.from('first'))
  await write(file, 1, Buffer.from('second'))
  const whole = readFileSync(path)
  for (const bytes of [0, 1, 4, 4096, 4097, 4100]) {
    writeFileSync(path, whole)
    truncateSync(path, bytes)
    const slots = await read(file)
    t.is(slots.length, 2)
    t.notDeepEqual(slots[1], Buffer.from('second'))
  }
  writeFileSync(path, Buffer.alloc(8192, 0xff))
  const slots = await read(file)
  t.true(slots.every((slot) => slot !== undefined && slot.length <= 512))
})

test('a file that may not be read is an error, not an empty one', async (t) => {
  const directory = temporary(t)
  await t.throwsAsync(read(new DiskSideFile(directory)))
})

test('the room is measured; the reserve takes some of it, once, and gives it back', async (t) => {
  const directory = temporary(t)
  const path = join(directory, 'reserve')
  const space = new DiskSpace(path, 3 * 1024 * 1024 + 17)
  t.true((await asked<number>((done) => space.measure(done))) > 0)
  for (let round = 0; round < 2; round++) {
    await asked<void>((done) => space.holdReserve(done))
    t.is(statSync(path).size, 3 * 1024 * 1024 + 17)
    t.true(statSync(path).blocks * 512 >= 3 * 1024 * 1024)
  }
  truncateSync(path, 1000)
  await asked<void>((done) => space.holdReserve(done))
  t.is(statSync(path).size, 3 * 1024 * 1024 + 17)
  for (let round = 0; round < 2; round++) await asked<void>((done) => space.releaseReserve(done))
  t.throws(() => statSync(path), { code: 'ENOENT' })
})

function read(file: DiskSideFile): Promise<Slots> {
  return asked<Slots>((done) => file.read(done))
}

function write(file: DiskSideFile, slot: 0 | 1, bytes: Uint8Array): Promise<void> {
  return asked<void>((done) => file.write(slot, bytes, done))
}

function asked<T>(call: (done: Completion<T>) => void): Promise<T> {
  return new Promise((resolve, reject) => {
    call((error, result) => (error === undefined ? resolve(result) : reject(error)))
  })
}

function temporary(t: ExecutionContext): string {
  const directory = mkdtempSync(join(tmpdir(), 'rotunda-side-'))
  t.teardown(() => rmSync(directory, { recursive: true, force: true }))
  return directory
}
