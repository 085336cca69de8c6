/**
 * What every implementation of the network port must do, whether its bytes travel through sockets or through a simulator.
 * An implementation brings a `NetworkWorld`; time in the suite is the world's, and no test asserts how long anything takes.
 */
import type { ExecutionContext, TestFn } from 'ava'
import type { Hello } from '../../src/ports/network.js'
import { frameScenarios } from './network-frames.js'
import { type NetworkWorld, type Scenario, TestNode } from './network-node.js'
import { peerScenarios } from './network-peers.js'

/** Declares the suite's tests. `makeWorld` gives a fresh world for each. */
export function networkSuite(test: TestFn, name: string, makeWorld: () => Promise<NetworkWorld>): void {
  for (const [title, scenario] of Object.entries({ ...peerScenarios, ...frameScenarios }))
    test.serial(`${name}: ${title}`, (t) => play(t, scenario, makeWorld))
}

async function play(
  t: ExecutionContext,
  scenario: Scenario,
  makeWorld: () => Promise<NetworkWorld>,
): Promise<void> {
  const world = await makeWorld()
  const nodes: TestNode[] = []
  const make = async (hello: Hello): Promise<TestNode> => {
    const node = new TestNode(world, hello)
    nodes.push(node)
    await node.start()
    return node
  }
  try {
    await scenario(t, world, make)
    for (const node of nodes) t.deepEqual(node.violations, [], node.hello.name)
  } finally {
    await world.close()
  }
}
