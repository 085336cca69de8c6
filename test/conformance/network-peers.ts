/** Scenarios of the network suite about peers: who is up, who is not, and what becomes of it after a fault. */
import { connect, helloOf, numberOf, type Scenario, type TestNode, u32 } from './network-node.js'

export const peerScenarios: Record<string, Scenario> = {
  'peers come up with the hello that each has proven': async (t, world, make) => {
    const a = await make(helloOf('a'))
    const b = await make(helloOf('b', { boot: 7, wireMax: 3 }))
    t.is(a.send(b, 'data', [u32(1)]), 'down')
    t.false(a.network.isUp(b.id))
    await connect(world, a, b)
    t.deepEqual(a.events, [{ type: 'up', peer: b.id, hello: b.hello }])
    t.deepEqual(b.events, [{ type: 'up', peer: a.id, hello: a.hello }])
  },

  'drop ends the connection on both sides, and named peers come back': async (t, world, make) => {
    const [a, b] = [await make(helloOf('a')), await make(helloOf('b'))]
    await connect(world, a, b)
    a.call(() => a.network.drop(b.id, 'it misbehaved'))
    t.false(a.network.isUp(b.id))
    t.is(a.send(b, 'data', [u32(1)]), 'down')
    await world.until(() => a.count('down', b) === 1 && b.count('down', a) === 1, 'both down')
    await world.until(() => a.isUp(b) && b.isUp(a), 'both up again')
    a.send(b, 'data', [u32(2)])
    await world.until(() => b.frames(a, 'data').length === 1, 'a frame on the new connection')
    t.is(numberOf(b.frames(a, 'data')[0]!), 2)
  },

  'after a break both come back, and what had arrived is a prefix of what was sent': async (
    t,
    world,
    make,
  ) => {
    const [a, b] = [await make(helloOf('a')), await make(helloOf('b'))]
    await connect(world, a, b)
    for (let round = 0; round < 5; round++) {
      const before = b.frames(a, 'data').length
      for (let i = 0; i < 100; i++) a.send(b, 'data', [u32(i), Buffer.alloc(2000)])
      if (round % 2 === 1) await world.settle()
      const downs = [a.count('down'), b.count('down')] as const
      world.break(a.id, b.id)
      await world.until(() => a.count('down') > downs[0] && b.count('down') > downs[1], 'both down')
      await world.until(() => a.isUp(b) && b.isUp(a), 'both up')
      b.frames(a, 'data')
        .slice(before)
        .forEach((frame, i) => {
          if (numberOf(frame) !== i) t.fail(`round ${round}: frame ${numberOf(frame)} at place ${i}`)
        })
    }
    a.send(b, 'data', [u32(1234)])
    await world.until(() => numberOf(b.frames(a, 'data').at(-1)!) === 1234, 'a frame after the breaks')
    t.pass()
  },

  'both dialling at once end with one connection that stays': async (t, world, make) => {
    for (let round = 0; round < 8; round++) {
      const [low, high] = [await make(helloOf('a')), await make(helloOf('b'))]
      await connect(world, low, high)
      await world.settle()
      const ups = [low.count('up'), high.count('up')]
      await world.settle()
      t.deepEqual([low.count('up'), high.count('up')], ups, 'nothing changes any more')
      t.true(low.isUp(high) && high.isUp(low))
      low.send(high, 'data', [u32(round)])
      high.send(low, 'control', [u32(round)])
      await world.until(
        () => high.frames(low, 'data').length === 1 && low.frames(high, 'control').length === 1,
        'frames',
      )
      await Promise.all([low.stop(), high.stop()])
    }
  },

  'a node that was gone without a word replaces its old connection': async (t, world, make) => {
    for (const [staying, returning] of [['a', 'b'], ['d', 'e'].reverse()] as [string, string][]) {
      const stays = await make(helloOf(staying))
      const leaves = await make(helloOf(returning))
      await connect(world, stays, leaves)
      world.crash(leaves.id)
      const back = await make({ ...leaves.hello, boot: 2 })
      await connect(world, stays, back)
      await world.until(() => stays.count('up') > stays.count('down') && back.isUp(stays), 'back')
      const last = stays.events.filter((event) => event.type === 'up').at(-1)!
      t.is(last.type === 'up' && last.hello.boot, 2)
      stays.send(back, 'data', [u32(5)])
      await world.until(() => back.frames(stays, 'data').length === 1, 'a frame to the new life')
    }
  },

  'silence is noticed on both sides, and its end as well': async (t, world, make) => {
    const [a, b] = [await make(helloOf('a')), await make(helloOf('b'))]
    await connect(world, a, b)
    world.freeze(a.id, b.id)
    await world.until(() => a.count('down', b) === 1 && b.count('down', a) === 1, 'both notice')
    t.is(a.send(b, 'control', [u32(1)]), 'down')
    world.thaw(a.id, b.id)
    await world.until(() => a.isUp(b) && b.isUp(a), 'both up')
    a.send(b, 'control', [u32(2)])
    await world.until(() => b.frames(a, 'control').length === 1, 'a frame')
    t.is(numberOf(b.frames(a, 'control')[0]!), 2)
  },

  'dial finds an unknown node, and rests while it is up': async (t, world, make) => {
    const [a, b] = [await make(helloOf('a', { clusterId: '' })), await make(helloOf('b'))]
    const address = await world.address(a.id, b.id)
    a.call(() => a.network.dial(address))
    await world.until(() => a.count('reached') === 1 && b.isUp(a), 'reached')
    t.deepEqual(a.events.at(-1), { type: 'reached', address, peer: b.id })
    const up = b.events.find((event) => event.type === 'up')
    t.is(up?.hello.clusterId, '', 'a peer that has no cluster yet is let in, and says so')
    world.break(a.id, b.id)
    await world.until(() => a.count('reached') === 2, 'reached again')
    a.call(() => a.network.undial(address))
    world.break(a.id, b.id)
    await world.until(() => a.count('down', b) === 2, 'down')
    await world.settle()
    t.false(a.isUp(b))
  },

  'dial tells of a peer that is up already': async (t, world, make) => {
    const [a, b] = [await make(helloOf('a')), await make(helloOf('b'))]
    await connect(world, a, b)
    const address = `${await world.address(a.id, b.id)}`
    a.call(() => a.network.dial(address))
    await world.until(() => a.count('reached') === 1, 'reached')
    t.is(a.count('up'), 1)
    t.is(b.count('up'), 1)
  },

  'strangers are told apart: other cluster, itself, another version': async (t, world, make) => {
    const a = await make(helloOf('a'))
    const other = await make(helloOf('b', { clusterId: 'd'.repeat(32) }))
    const newer = await make(helloOf('e', { wireMin: 2, wireMax: 3 }))
    const failures = async (to: TestNode, reason: string) => {
      const address = await world.address(a.id, to.id)
      a.call(() => a.network.dial(address))
      const seen = () =>
        a.events.some(
          (e) => e.type === 'failed' && e.address === address && e.reason.startsWith(`${reason}:`),
        )
      await world.until(seen, reason)
      a.call(() => a.network.undial(address))
    }
    await failures(other, 'other-cluster')
    await failures(newer, 'no-common-version')
    await failures(a, 'same-node')
    t.is(a.count('up') + other.count('up') + newer.count('up'), 0)
  },

  'an address where another node lives is not taken for the peer': async (t, world, make) => {
    const [a, b, d] = [await make(helloOf('a')), await make(helloOf('b')), await make(helloOf('d'))]
    a.setPeers([{ id: b.id, address: await world.address(a.id, d.id) }])
    await world.settle()
    t.is(a.count('up') + d.count('up'), 0)
    a.setPeers([{ id: b.id, address: await world.address(a.id, b.id) }])
    await world.until(() => a.isUp(b) && b.isUp(a), 'the right address')
    t.is(d.count('up'), 0)
  },

  'a peer that is not named any more is let go; strangers to setPeers are not': async (t, world, make) => {
    const [a, b, d] = [await make(helloOf('a')), await make(helloOf('b')), await make(helloOf('d'))]
    a.setPeers([{ id: b.id, address: await world.address(a.id, b.id) }])
    d.setPeers([{ id: a.id, address: await world.address(d.id, a.id) }])
    await world.until(() => a.isUp(b) && a.isUp(d) && b.isUp(a) && d.isUp(a), 'up')
    a.setPeers([])
    await world.until(() => a.count('down', b) === 1 && b.count('down', a) === 1, 'let go')
    await world.settle()
    t.false(a.isUp(b))
    t.true(a.isUp(d))
    t.is(a.count('down', d), 0)
  },

  'stop is told to the others and ends the calls to its own sink': async (t, world, make) => {
    const [a, b] = [await make(helloOf('a')), await make(helloOf('b'))]
    await connect(world, a, b)
    for (let i = 0; i < 20; i++) a.send(b, 'data', [u32(i)])
    await b.stop()
    await world.until(() => a.count('down', b) === 1, 'down')
    const events = b.events.length
    await world.settle()
    t.is(b.events.length, events)
    t.is(b.count('down'), 0)
    t.is(b.send(a, 'data', [u32(1)]), 'down')
  },
}
