/** A node's network in a process of its own, for tests that stop or kill it. Says its address, then counts what it receives. */
import { WsNetwork } from '../../src/io/network/index.js'
import { helloOf } from '../conformance/network-node.js'
import { wsOptions } from '../conformance/ws-world.js'

const network = new WsNetwork(wsOptions({ timing: {} }))
const hello = helloOf('b')
const say = (message: object) => process.send?.(message)
const sink = {
  peerUp: (peer: string) => say({ type: 'up', peer }),
  peerDown: (peer: string, reason: string) => say({ type: 'down', peer, reason }),
  frame: () => {},
  dialFailed: () => {},
}
network.start(
  () => hello,
  sink,
  (error) =>
    say(error === undefined ? { type: 'listening', address: network.address } : { type: 'failed', error }),
)
process.on('disconnect', () => process.exit())
