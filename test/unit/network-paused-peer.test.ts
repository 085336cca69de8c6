/** A peer that is stopped (SIGSTOP) looks open for ever: what it costs must be bounded, and given back. */
import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import test from 'ava'
import { limits } from '../../src/limits.js'
import type { Channel } from '../../src/ports/network.js'
import { helloOf, TestNode } from '../conformance/network-node.js'
import { eventually, QUICK, WsWorld } from '../conformance/ws-world.js'

const MiB = 1024 * 1024
const onPosix = process.platform !== 'win32'
const peer = helloOf('b').nodeId

setFlagsFromString('--expose-gc')
const collect = runInNewContext('gc') as () => void

/** By how much the process has grown, after a collection. */
function grownBytes(what: 'arrayBuffers' | 'rss', before: NodeJS.MemoryUsage): number {
  collect()
  return process.memoryUsage()[what] - before[what]
}

interface Scene {
  readonly world: WsWorld
  readonly node: TestNode
  readonly child: ChildProcess
}

/** A node here and one in another process, linked. */
async function scene(tickMs: number, run: (scene: Scene) => Promise<void>): Promise<void> {
  const world = new WsWorld({ timing: { ...QUICK, tickMs } })
  const node = new TestNode(world, helloOf('a'))
  await node.start()
  const child = fork(fileURLToPath(new URL('./peer-process.js', import.meta.url)))
  try {
    const [{ address }] = (await once(child, 'message')) as [{ address: string }]
    node.setPeers([{ id: peer, address }])
    await eventually(() => node.network.isUp(peer), 'up')
    await run({ world, node, child })
  } finally {
    child.kill('SIGKILL')
    await world.close()
  }
}

/** Offers far more than any window. What was taken is the network's; what was not is offered again. */
function offer(node: TestNode, channel: Channel, frameBytes: number, frames: number): void {
  let frame = Buffer.alloc(frameBytes, 1)
  for (let i = 0; i < frames; i++)
    if (node.network.send(peer, channel, [frame]) === 'sent') frame = Buffer.alloc(frameBytes, i)
}

;(onPosix ? test.serial : test.serial.skip)(
  'a stopped peer costs one window for each channel, is given up, and comes back',
  async (t) => {
    await scene(700, async ({ world, node, child }) => {
      const network = world.networks.get(node.id)!
      child.kill('SIGSTOP')
      collect()
      const before = process.memoryUsage()
      for (let round = 0; round < 5; round++) {
        offer(node, 'data', MiB, 100)
        offer(node, 'data', 4000, 5000)
        offer(node, 'control', 20_000, 2000)
        await new Promise(setImmediate)
      }
      const { waitingBytes, channels } = network.stats()
      t.true(waitingBytes.data <= limits.peerDataWindowBytes + 1024 && waitingBytes.data > 8 * MiB)
      t.true(waitingBytes.control <= limits.peerControlWindowBytes + 1024 && waitingBytes.control > 2 * MiB)
      t.true(channels.data.full > 400 && channels.control.full > 5000)
      const windows = limits.peerDataWindowBytes + limits.peerControlWindowBytes
      await eventually(
        () => grownBytes('arrayBuffers', before) < windows + 8 * MiB,
        'no more than both windows',
      )
      t.true(grownBytes('rss', before) < windows + 64 * MiB, `${grownBytes('rss', before)}`)
      t.is(node.count('down'), 0, 'still taken for alive')

      await eventually(() => node.count('down') === 1, 'given up')
      const down = node.events.find((event) => event.type === 'down')
      t.regex(down?.reason ?? '', /^(stalled|silent): /)
      t.deepEqual(network.stats().waitingBytes, { control: 0, data: 0 })
      await eventually(() => grownBytes('arrayBuffers', before) < 4 * MiB, 'the memory is given back')

      child.kill('SIGCONT')
      await eventually(() => network.isUp(peer) && node.count('up') === 2, 'up again')
      t.is(network.send(peer, 'data', [Buffer.alloc(1000)]), 'sent')
      t.deepEqual(node.violations, [])
    })
  },
)

test.serial('a killed peer is noticed at once, by its sockets', async (t) => {
  await scene(60_000, async ({ node, child }) => {
    child.kill('SIGKILL')
    await eventually(() => node.count('down') === 1, 'down')
    t.is(node.network.send(peer, 'data', [Buffer.alloc(10)]), 'down')
  })
})

test.serial('a node that was itself paused does not take its peers for dead', async (t) => {
  await scene(50, async ({ node }) => {
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 2_000)
    await sleep(500)
    t.is(node.count('down'), 0)
    t.true(node.network.isUp(peer))
  })
})
