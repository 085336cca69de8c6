import test from 'ava'
import { networkSuite } from './network-suite.js'
import { WsWorld } from './ws-world.js'

networkSuite(test, 'ws', async () => new WsWorld())
