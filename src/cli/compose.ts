/** One node put together from its parts: real ports below, the HTTP edge above. Nothing else knows all of them. */
import { totalmem } from 'node:os'
import { join } from 'node:path'
import { type Api, createApi } from '../api/api.js'
import { machineClock } from '../io/clock.js'
import { makeDirectory } from '../io/make-directory.js'
import { WsNetwork } from '../io/network/index.js'
import { systemRandom } from '../io/random.js'
import { eventLoopScheduler } from '../io/scheduler.js'
import type { Secret } from '../io/secret.js'
import { crc32c } from '../kernel/index.js'
import { limits } from '../limits.js'
import { RotundaNode } from '../node/node.js'
import type { NodePorts } from '../node/options.js'
import type { Log } from '../ports/log.js'
import { VERSION } from '../version.js'
import type { NodeConfig } from './node-config.js'
import { hostPortText } from './values.js'

export interface ComposedNode {
  readonly node: RotundaNode
  readonly api: Api
}

export async function composeNode(config: NodeConfig, secret: Secret, log: Log): Promise<ComposedNode> {
  const secrets = secret.keys.map((key) => Buffer.from(key))
  const ports: NodePorts = {
    clock: machineClock,
    random: systemRandom,
    scheduler: eventLoopScheduler,
    log,
    network: new WsNetwork({
      host: config.peerListen.host,
      port: config.peerListen.port,
      secrets,
      checksum: crc32c,
      clock: machineClock,
      random: systemRandom,
      log,
    }),
    ...(await storagePorts(config)),
  }
  const node = new RotundaNode(ports, {
    name: config.name,
    address: hostPortText(config.advertise),
    peerAddress: hostPortText(config.peerAdvertise),
    zone: config.zone,
    weight: config.weight,
    join: config.join.map(hostPortText),
    awaitMembers: config.awaitMembers,
    ...(config.place !== undefined && { place: config.place }),
    ...(config.n !== undefined && { n: config.n }),
    ...(config.partitions !== undefined && { partitions: config.partitions }),
    hearMembersMs: limits.hearMembersMs,
    durability: config.durability,
    freeSpaceFloorBytes: config.freeSpaceFloorBytes,
    cacheBytes: config.cacheBytes,
    hintBytes: config.hintBytes,
    transfers: config.transfers,
    ...(config.transferRate !== undefined && { transferRate: config.transferRate }),
    reapHistory: true,
    build: VERSION,
  })
  const api = createApi({
    database: node,
    clock: machineClock,
    log,
    secrets,
    allowedHosts: [config.advertise.host],
    version: VERSION,
    nodeName: config.name,
    valueBytes: config.valueBytes,
  })
  return { node, api }
}

/** Only the engine that is used is loaded. */
async function storagePorts({ engine, dataDirectory }: NodeConfig) {
  if (engine === 'memory') {
    const { MemoryEngine, MemorySideFile } = await import('../io/engines/memory.js')
    // More than this and the machine would swap, which is slower than any disk engine.
    const memory = new MemoryEngine(Math.floor(totalmem() / 4))
    return { engine: memory, sideFile: new MemorySideFile(), space: memory }
  }
  const [{ RocksdbEngine }, { DiskSideFile }, { DiskSpace }] = await Promise.all([
    import('../io/engines/rocksdb.js'),
    import('../io/side-file.js'),
    import('../io/space.js'),
  ])
  makeDirectory(dataDirectory)
  return {
    engine: new RocksdbEngine(join(dataDirectory, 'rows')),
    sideFile: new DiskSideFile(join(dataDirectory, 'boots')),
    space: new DiskSpace(join(dataDirectory, 'reserve'), limits.storageReserveBytes),
  }
}
