/** From settings to what one node is started with: what is required, what follows from what, what is not safe. */
import { networkInterfaces } from 'node:os'
import { resolve } from 'node:path'
import type { Place } from '../node/options.js'
import type { Invocation } from './resolve.js'
import { UsageError } from './usage-error.js'
import { type HostPort, isLoopback, isWildcard } from './values.js'

export interface NodeConfig {
  readonly name: string
  /** Absolute. */
  readonly dataDirectory: string
  readonly listen: HostPort
  readonly peerListen: HostPort
  /** What clients and other nodes are told. A port of 0 = the one that is listened on. */
  readonly advertise: HostPort
  readonly peerAdvertise: HostPort
  readonly join: readonly HostPort[]
  /** The place of a dead member that the node is to take. */
  readonly place: Place | undefined
  readonly zone: string
  readonly awaitMembers: number
  readonly weight: number
  readonly secretFile: string | undefined
  readonly engine: 'rocksdb' | 'memory'
  readonly durability: 'fsync' | 'os' | 'buffered'
  readonly n: number | undefined
  readonly partitions: number | undefined
  readonly valueBytes: number
  readonly cacheBytes: number
  readonly hintBytes: number
  readonly transferRate: number | undefined
  readonly transfers: number
  readonly freeSpaceFloorBytes: number
  readonly logLevel: 'debug' | 'info' | 'warn' | 'error'
  readonly stopWithParent: boolean
  /** Nobody on another machine reaches this node. */
  readonly loopbackOnly: boolean
}

/** Throws UsageError. */
export function nodeConfig({ settings, given }: Invocation): NodeConfig {
  const { listen, peerListen, secretFile } = settings
  const { name, data } = required({ name: settings.name, data: settings.data })
  if (listen.port !== 0 && listen.host === peerListen.host && listen.port === peerListen.port) {
    throw new UsageError('--listen and --peer-listen name the same address; each needs a port of its own')
  }
  return Object.freeze({
    name,
    dataDirectory: resolve(data),
    listen,
    peerListen,
    advertise: told(settings.advertise, 'advertise') ?? reachable(listen, 'advertise'),
    peerAdvertise: told(settings.peerAdvertise, 'peer-advertise') ?? reachable(peerListen, 'peer-advertise'),
    join: settings.join,
    place: placeOf(settings, given),
    awaitMembers: settings.awaitMembers,
    zone: settings.zone,
    weight: settings.weight,
    secretFile: secretFile === undefined ? undefined : resolve(secretFile),
    engine: settings.engine,
    durability: settings.durability,
    n: settings.n,
    partitions: settings.partitions,
    valueBytes: settings.valueBytes,
    cacheBytes: settings.cacheBytes,
    hintBytes: settings.hintBytes,
    transferRate: settings.transferRate,
    transfers: settings.transfers,
    freeSpaceFloorBytes: settings.freeSpaceFloor,
    logLevel: settings.logLevel ?? 'info',
    stopWithParent: settings.stopWithParent,
    loopbackOnly: isLoopback(listen.host) && isLoopback(peerListen.host),
  })
}

/** A machine that is no like of the dead one says so. */
function placeOf({ replace, join }: Invocation['settings'], given: Invocation['given']): Place | undefined {
  if (replace === undefined) return undefined
  if (join.length === 0)
    throw new UsageError('--replace needs --join HOST:PORT: whom to ask for the place of that member')
  return { of: replace, weight: !given.has('weight'), zone: !given.has('zone') }
}

function required(wanted: { name: string | undefined; data: string | undefined }) {
  const { name, data } = wanted
  if (name === undefined) throw new UsageError('start needs --name NAME, unique in its cluster')
  if (data === undefined) throw new UsageError('start needs --data DIR, where the node keeps its data')
  return { name, data }
}

/** What others are told, as the operator says it; on another machine "all addresses" would be that machine's own. */
function told(address: HostPort | undefined, flag: string): HostPort | undefined {
  if (address !== undefined && isWildcard(address.host))
    throw new UsageError(
      `--${flag} is what others connect to: it needs an address of this machine, not ${address.host}`,
    )
  return address
}

/** Others cannot connect to "all addresses": the machine's only one will do, and among several somebody must choose. */
function reachable(listen: HostPort, flag: string): HostPort {
  if (!isWildcard(listen.host)) return listen
  const addresses = Object.values(networkInterfaces())
    .flatMap((each) => each ?? [])
    .filter(({ family, internal }) => family === 'IPv4' && !internal)
  if (addresses.length === 1) return { host: addresses[0]!.address, port: listen.port }
  throw new UsageError(
    `with ${listen.host} others need to be told an address: give it with --${flag} HOST:PORT`,
  )
}
