/** What somebody is shown who waits for partitions to move. */
import { createServer, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import test, { type ExecutionContext } from 'ava'
import { Arrivals } from '../../src/cli/arrivals.js'
import type { Move } from '../../src/cli/moving.js'
import { barText } from '../../src/cli/moving-bar.js'
import { rotunda } from '../cluster/run.js'

const MOVE: Move = {
  ...{ partitions: 144, left: 100, perSecond: null, leftSeconds: null, rowsSent: 5, bytesSent: 999 },
  ...{ bytesMoving: 2_000_000, bytesArrived: 0, waitsFor: [] },
}

test('what has arrived, how fast, and how long the rest takes', (t) => {
  const arrivals = new Arrivals()
  t.is(arrivals.arrived, undefined)
  arrivals.look(0, undefined)
  t.is(arrivals.arrived, undefined, 'a node of an earlier build says nothing of bytes')
  arrivals.look(0, 10_000_000)
  t.deepEqual(arrivals.arrived, { bytes: 0, of: 10_000_000, perSecond: 0, leftSeconds: undefined })
  arrivals.look(500, 9_500_000)
  t.is(arrivals.arrived!.perSecond, 0, 'half a second tells nothing')
  for (let ms = 1_000; ms <= 5_000; ms += 500) arrivals.look(ms, 10_000_000 - ms * 1_000)
  t.deepEqual(arrivals.arrived, { bytes: 5_000_000, of: 10_000_000, perSecond: 1_000_000, leftSeconds: 5 })
  for (let ms = 5_500; ms <= 30_000; ms += 500) arrivals.look(ms, 5_000_000)
  t.deepEqual(arrivals.arrived, { bytes: 5_000_000, of: 10_000_000, perSecond: 0, leftSeconds: undefined })
  arrivals.look(31_000, 12_000_000)
  t.deepEqual(arrivals.arrived, { bytes: 0, of: 12_000_000, perSecond: 0, leftSeconds: undefined })
})

test('the text beside the bar fits into 80 columns, and says what it waits for', (t) => {
  const arrived = { bytes: 1_234_000, of: 22_400_000, perSecond: 781_000, leftSeconds: 27 }
  t.is(barText(MOVE, arrived), '44 of 144 partitions, 1.23 of 22.4 MB, 781 KB/s, 27 s left')
  const slow = { bytes: 999_499, of: 999_400_000_000, perSecond: 999_499, leftSeconds: 900_000 }
  const longest = barText({ ...MOVE, partitions: 65_536, left: 1_000 }, slow)
  t.is(longest, '64536 of 65536 partitions, 999 KB of 999 GB, 999 KB/s, 250 h left')
  t.true(barText({ ...MOVE, partitions: 4_096, left: 1_000 }, slow).length <= 80 - 17)
  t.is(
    barText(MOVE, { ...arrived, bytes: 22_399_000 }),
    '44 of 144 partitions, 22.4 of 22.4 MB, the last are being confirmed',
  )
  t.is(barText(MOVE, undefined), '44 of 144 partitions, time left unknown')
  t.is(
    barText({ ...MOVE, perSecond: 4, leftSeconds: 25 }, undefined),
    '44 of 144 partitions, 4.0 a second, 25 s left',
  )
  const waits = (name: string, isThere = false) =>
    ({ name, task: 'hand-over', partitions: 3, isThere }) as const
  t.is(
    barText({ ...MOVE, waitsFor: [waits('n1', true), waits('n2')] }, arrived),
    '44 of 144 partitions, 1.23 of 22.4 MB; waits for n2, which is away',
  )
  t.regex(
    barText({ ...MOVE, waitsFor: [waits('n2'), waits('n3'), waits('n2')] }, undefined),
    /; waits for n2 and 1 more, which are away$/,
  )
})

async function serving(t: ExecutionContext, answer: (path: string) => unknown): Promise<string> {
  const server = createServer((request, response: ServerResponse) => {
    request.resume()
    response.writeHead(200, { 'Content-Type': 'application/json; charset=utf-8' })
    response.end(JSON.stringify(answer(request.url!)))
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  t.teardown(() => server.close())
  return `127.0.0.1:${(server.address() as AddressInfo).port}`
}

test('--wait adds up what has arrived at the members that can be asked', async (t) => {
  const n2 = await serving(t, () => ({ members: [], move: { ...MOVE, bytesArrived: 700_000 } }))
  const member = (id: string, liveness: string, address: string) => ({ id, name: id, liveness, address })
  let looks = 0
  const n1 = await serving(t, (path) => {
    if (path.startsWith('/v1/cluster/weight')) return { recorded: true, moving: 144, q: 256, n: 3 }
    const isMoving = ++looks < 3
    return {
      ...{
        self: 'n1',
        transfers: isMoving ? 100 : 0,
        move: isMoving ? { ...MOVE, bytesArrived: 100_000 } : null,
      },
      members: [
        member('n1', 'self', 'localhost:1'),
        member('n2', 'up', n2),
        // Nobody is there, and nobody is asked.
        member('n3', 'up', '127.0.0.1:1'),
        member('n4', 'down', n2),
      ],
    }
  })
  const { code, stdout } = await rotunda(['weight', 'n2', '2', '--wait', '--url', `http://${n1}`])
  t.is(code, 0)
  t.deepEqual(stdout.toString().split('\n'), [
    'n2 has another weight. 144 partitions are on the way to other owners; "rotunda status" shows how far they are.',
    '100 of 144 partitions still on the way to other owners, about 1.20 MB',
    'All partitions are where they belong.',
    '',
  ])
})
