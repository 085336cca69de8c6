/** How the WebSocket network treats traffic: who waits for whom, how much is written at once, what is counted. */
import { connect as connectTcp, createServer, type Server, type Socket } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import test, { type ExecutionContext } from 'ava'
import { WsNetwork as Network, type WsNetwork, type WsNetworkOptions } from '../../src/io/network/index.js'
import { connect, helloOf, numberOf, TestNode, u32 } from '../conformance/network-node.js'
import { eventually, QUICK, SECRET, WsWorld, wsOptions } from '../conformance/ws-world.js'

async function pair(
  t: ExecutionContext,
  run: (world: WsWorld, a: TestNode, b: TestNode) => Promise<void>,
  options: Partial<WsNetworkOptions> = {},
): Promise<void> {
  const world = new WsWorld(options)
  try {
    const [a, b] = [new TestNode(world, helloOf('a')), new TestNode(world, helloOf('b'))]
    await a.start()
    await b.start()
    await run(world, a, b)
    t.deepEqual([...a.violations, ...b.violations], [])
  } finally {
    await world.close()
  }
}

const networkOf = (world: WsWorld, node: TestNode): WsNetwork => world.networks.get(node.id)!

test.serial('a small frame does not wait for the whole of a large one', async (t) => {
  await pair(t, async (world, a, b) => {
    await connect(world, a, b)
    const large = Buffer.alloc(12 * 1024 * 1024)
    t.is(a.send(b, 'data', [large]), 'sent')
    for (let i = 0; i < 10; i++) t.is(a.send(b, 'data', [u32(i)]), 'sent')
    await eventually(() => b.count('frame') === 11, 'all frames')
    const lengths = b.frames(a, 'data').map((frame) => frame.length)
    t.is(lengths.indexOf(large.length), 10, 'the large one is the last to be complete')
    t.deepEqual(b.frames(a, 'data').slice(0, 10).map(numberOf), [0, 1, 2, 3, 4, 5, 6, 7, 8, 9])
  })
})

test.serial('a large frame does not wait for ever behind small ones', async (t) => {
  await pair(t, async (world, a, b) => {
    await connect(world, a, b)
    const large = Buffer.alloc(400_000)
    world.freeze(a.id, b.id)
    while (networkOf(world, a).stats().waitingBytes.data < 2_000_000)
      a.send(b, 'data', [Buffer.alloc(10_000)])
    a.send(b, 'data', [large])
    let after = 0
    while (a.send(b, 'data', [Buffer.alloc(10_000)]) === 'sent') after++
    world.thaw(a.id, b.id)
    await eventually(
      () => b.frames(a, 'data').length === networkOf(world, a).stats().channels.data.framesOut,
      'all',
    )
    const place = b.frames(a, 'data').findIndex((frame) => frame.length === large.length)
    const behind = b.frames(a, 'data').length - 1 - place
    t.true(
      after > 500 && behind > after / 2,
      `${behind} of the ${after} frames sent after it arrived after it`,
    )
  })
})

test.serial('the frames of one turn leave in one write for each socket', async (t) => {
  await pair(t, async (world, a, b) => {
    const chunks: number[] = []
    const target = networkOf(world, b)
    const wiretap: Server = createServer((near) => {
      const far: Socket = connectTcp(Number(target.address.split(':')[1]), '127.0.0.1')
      near.on('data', (bytes) => chunks.push(bytes.length))
      near.on('error', () => {}).pipe(far)
      far.on('error', () => {}).pipe(near)
    })
    await new Promise<void>((resolve) => wiretap.listen(0, '127.0.0.1', resolve))
    a.setPeers([{ id: b.id, address: `127.0.0.1:${(wiretap.address() as { port: number }).port}` }])
    await eventually(() => a.isUp(b) && b.isUp(a), 'up')
    await sleep(50)
    chunks.length = 0
    for (let i = 0; i < 100; i++) {
      a.send(b, 'data', [u32(i), Buffer.alloc(100)])
      a.send(b, 'control', [u32(i)])
    }
    await eventually(() => b.count('frame') === 200, 'all frames')
    t.true(chunks.length <= 3, `200 frames came in ${chunks.length} chunks`)
    wiretap.close()
  })
})

test.serial('frames and bytes are counted on both sides', async (t) => {
  await pair(t, async (world, a, b) => {
    await connect(world, a, b)
    for (let i = 0; i < 7; i++) a.send(b, 'data', [u32(i), Buffer.alloc(96)])
    a.send(b, 'data', [Buffer.alloc(200_000)])
    b.send(a, 'control', [u32(1)])
    await eventually(() => b.count('frame') === 8 && a.count('frame') === 1, 'frames')
    const [ofA, ofB] = [networkOf(world, a).stats(), networkOf(world, b).stats()]
    t.like(ofA.channels.data, { framesOut: 8, bytesOut: 200_700, framesIn: 0, full: 0 })
    t.like(ofB.channels.data, { framesIn: 8, bytesIn: 200_700, framesOut: 0 })
    t.like(ofA.channels.control, { framesIn: 1, bytesIn: 4 })
    t.is(ofA.peersUp, 1)
    a.call(() => a.network.drop(b.id, 'for the count'))
    await eventually(() => b.count('down') === 1, 'down')
    t.like(networkOf(world, a).stats().closed, { dropped: 1 })
    t.like(networkOf(world, b).stats().closed, { remote: 1 })
    t.deepEqual(
      b.events.filter((event) => event.type === 'down').map((event) => event.reason),
      ['closed by the other side (4000: dropped: for the count)'],
    )
  })
})

test.serial(
  'a secret is rotated under load without a lost frame, and the old one is then worth nothing',
  async (t) => {
    await pair(t, async (world, a, b) => {
      const [old, fresh] = [SECRET, Buffer.from('the secret of the next year, just as long')]
      await connect(world, a, b)
      let sent = 0
      const load = () => {
        for (let i = 0; i < 20; i++) t.is(a.send(b, 'data', [u32(sent++)]), 'sent')
      }
      for (const step of [[old, fresh], [fresh, old], [fresh]]) {
        for (const node of [a, b]) {
          networkOf(world, node).setSecrets(step)
          load()
          await sleep(20)
        }
      }
      await eventually(() => b.frames(a, 'data').length === sent, 'every frame')
      t.is(a.count('down') + b.count('down'), 0)
      world.break(a.id, b.id)
      await eventually(() => a.count('up') === 2 && b.count('up') === 2, 'up with the new secret')
      const late = new TestNode(world, helloOf('d'))
      await late.start()
      late.call(() => late.network.dial(networkOf(world, a).address))
      await eventually(() => late.count('failed') > 0, 'refused')
      t.false(late.network.isUp(a.id))
    })
  },
)

test.serial('each step of a rotation meets a node that reconnects', async (t) => {
  const fresh = Buffer.from('the secret of the next year, just as long')
  await pair(t, async (world, a, b) => {
    await connect(world, a, b)
    const steps: [TestNode, Buffer[]][] = [
      [a, [SECRET, fresh]],
      [b, [SECRET, fresh]],
      [b, [fresh, SECRET]],
      [a, [fresh, SECRET]],
      [a, [fresh]],
      [b, [fresh]],
    ]
    for (const [i, [node, secrets]] of steps.entries()) {
      networkOf(world, node).setSecrets(secrets)
      world.break(a.id, b.id)
      await eventually(
        () => a.count('up') === i + 2 && b.count('up') === i + 2 && a.isUp(b) && b.isUp(a),
        `step ${i}`,
      )
    }
    t.deepEqual(networkOf(world, a).stats().refused['bad-proof'], undefined)
    t.deepEqual(networkOf(world, b).stats().refused['bad-proof'], undefined)
  })
})

test.serial('an address that cannot be had is said in start, and stop is quick without one', async (t) => {
  await pair(t, async (world, a) => {
    const port = Number(networkOf(world, a).address.split(':')[1])
    const second = new Network(wsOptions({ port }))
    const error = await new Promise<string | undefined>((resolve) =>
      second.start(() => helloOf('d'), new TestNode(world, helloOf('d')), resolve),
    )
    t.regex(error ?? '', /EADDRINUSE/)
    await new Promise<void>((resolve) => second.stop(resolve))
  })
})

test.serial('options that cannot work are refused at once', (t) => {
  t.throws(() => new Network(wsOptions({ secrets: [] })), { instanceOf: RangeError })
  t.throws(() => new Network(wsOptions({ windowBytes: { data: 1000 } })), { instanceOf: RangeError })
})

test.serial('an idle connection is kept by pings alone, and is not taken for dead', async (t) => {
  await pair(
    t,
    async (world, a, b) => {
      await connect(world, a, b)
      await sleep(800)
      t.is(a.count('down') + b.count('down'), 0)
      t.is(a.count('up') + b.count('up'), 2)
    },
    { timing: { ...QUICK, tickMs: 20 } },
  )
})
