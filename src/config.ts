/**
 * The one table of settings. A setting's flag, its environment variable, its key in the configuration file, its line in
 * --help and its row in docs/config.md all come from here. Values are parsed once, before anything else happens, and frozen.
 *
 * Precedence: flag, environment, configuration file, default.
 */
import {
  bytes,
  bytesText,
  headerText,
  hostPort,
  hostPortList,
  integer,
  label,
  metaPair,
  nodeUrl,
  oneOf,
  type Parser,
  path,
  positive,
  powerOfTwo,
  quorum,
  reachableHostPort,
  toggle,
} from './cli/values.js'
import { limits } from './limits.js'

export interface Setting<T = unknown> {
  /** Without its two hyphens. The environment variable and the key follow from it. */
  readonly flag: string
  /** What stands for the value in --help; absent = a switch that takes none. */
  readonly shape?: string
  /** One sentence. */
  readonly help: string
  readonly parse: Parser<T>
  /** In the form a user would write it, put through `parse` like any other. */
  readonly fallback?: string
  /** What happens without it, where there is no one value to name. */
  readonly without?: string
  /** May be given several times; the parsed lists are joined. */
  readonly repeats?: true
}

export const SETTINGS = {
  config: {
    flag: 'config',
    shape: 'FILE',
    help: 'Read settings from this JSON file.',
    parse: path,
  },
  name: {
    flag: 'name',
    shape: 'NAME',
    help: "The node's name, unique in its cluster.",
    parse: label,
    without: 'none, it must be given',
  },
  data: {
    flag: 'data',
    shape: 'DIR',
    help: 'The directory that holds the data; made if it is not there.',
    parse: path,
    without: 'start: none, it must be given; dev: a temporary one, removed at the end',
  },
  listen: {
    flag: 'listen',
    shape: 'HOST:PORT',
    help: 'Serve clients at this address.',
    parse: hostPort,
    fallback: '127.0.0.1:7400',
  },
  peerListen: {
    flag: 'peer-listen',
    shape: 'HOST:PORT',
    help: 'Serve the other nodes at this address.',
    parse: hostPort,
    fallback: '127.0.0.1:7500',
  },
  advertise: {
    flag: 'advertise',
    shape: 'HOST:PORT',
    help: 'The address that clients are told, where it is not the one listened on.',
    parse: reachableHostPort,
    without: 'the address listened on',
  },
  peerAdvertise: {
    flag: 'peer-advertise',
    shape: 'HOST:PORT',
    help: 'The address that other nodes are told, where it is not the one listened on.',
    parse: reachableHostPort,
    without: 'the address listened on',
  },
  join: {
    flag: 'join',
    shape: 'HOST:PORT,…',
    help: 'Join the cluster that one of these peer addresses belongs to; without it a new directory begins a new cluster.',
    parse: hostPortList,
    repeats: true,
  },
  replace: {
    flag: 'replace',
    shape: 'MEMBER',
    help: 'Join in the place of this member, which is dead: take over what it owned.',
    parse: headerText,
  },
  awaitMembers: {
    flag: 'await-members',
    shape: 'COUNT',
    help: "Hold clients' writes back until the cluster has this many members.",
    parse: integer(1, limits.members),
    fallback: '1',
  },
  zone: {
    flag: 'zone',
    shape: 'ZONE',
    help: 'The rack or data centre; copies of a key are spread over as many zones as there are.',
    parse: label,
    fallback: 'default',
  },
  weight: {
    flag: 'weight',
    shape: 'NUMBER',
    help: "This machine's share of the data, relative to the others.",
    parse: positive(1000),
    fallback: '1',
  },
  secretFile: {
    flag: 'secret-file',
    shape: 'FILE',
    help: "The cluster's secret, one key a line: the first signs, all verify.",
    parse: path,
    without: "DIR/secret if it is there, else one of this user's own, made where all addresses are loopback",
  },
  engine: {
    flag: 'engine',
    shape: 'rocksdb|memory',
    help: 'What stores the rows; memory forgets them when the process ends.',
    parse: oneOf('rocksdb', 'memory'),
    fallback: 'rocksdb',
  },
  durability: {
    flag: 'durability',
    shape: 'fsync|os|buffered',
    help: 'When a write counts: when the disk has it, when the operating system has it, or when it is in memory and on the disk of one other node.',
    parse: oneOf('fsync', 'os', 'buffered'),
    fallback: 'fsync',
  },
  n: {
    flag: 'n',
    shape: 'COUNT',
    help: "Copies of each key. Set at the cluster's birth; rotunda ring copies changes it.",
    parse: integer(1, limits.replicas),
    without: '3, or what the cluster was born with',
  },
  partitions: {
    flag: 'partitions',
    shape: 'COUNT',
    help: "Parts that the key space is divided into, a power of two. Set at the cluster's birth; rotunda ring split makes more of them.",
    parse: powerOfTwo(limits.partitions),
    without: '256, or what the cluster was born with',
  },
  valueBytes: {
    flag: 'value-bytes',
    shape: 'SIZE',
    help: 'The largest value taken from a client.',
    parse: bytes(1024, limits.valueBytesCeiling),
    fallback: bytesText(limits.valueBytes),
  },
  cacheBytes: {
    flag: 'cache-bytes',
    shape: 'SIZE',
    help: 'Memory for rows that were read or written lately.',
    parse: bytes(0, 1024 ** 4),
    fallback: bytesText(limits.storageCacheBytes),
  },
  hintBytes: {
    flag: 'hint-bytes',
    shape: 'SIZE',
    help: 'Room on the disk for what is kept for nodes that are away; beyond it other nodes are asked, and then nobody stands in.',
    parse: bytes(0, 1024 ** 5),
    fallback: bytesText(limits.hintBytes),
  },
  transferRate: {
    flag: 'transfer-rate',
    shape: 'SIZE',
    help: 'Bytes of rows that this node sends in a second at most to new owners, and to replicas that are filled or repaired.',
    parse: bytes(limits.transferRateLeast, 1024 ** 4),
    without: 'as many as clients leave room for',
  },
  transfers: {
    flag: 'transfers',
    shape: 'COUNT',
    help: 'Other nodes that this one hands partitions over to, or compares them with, at a time.',
    parse: integer(1, limits.members),
    fallback: `${limits.exchanges}`,
  },
  freeSpaceFloor: {
    flag: 'free-space-floor',
    shape: 'SIZE',
    help: "Refuse clients' writes when less than this is free on the disk.",
    parse: bytes(0, 1024 ** 5),
    fallback: bytesText(limits.storageFloorBytes),
  },
  logLevel: {
    flag: 'log-level',
    shape: 'debug|info|warn|error',
    help: 'The least important lines that are still logged.',
    parse: oneOf('debug', 'info', 'warn', 'error'),
    without: 'info; dev: warn',
  },
  stopWithParent: {
    flag: 'stop-with-parent',
    help: 'Stop cleanly when standard input ends: the process that started this one is gone.',
    parse: toggle,
    fallback: 'false',
  },
  nodes: {
    flag: 'nodes',
    shape: 'COUNT',
    help: 'How many nodes to run.',
    parse: integer(1, 32),
    fallback: '3',
  },
  port: {
    flag: 'port',
    shape: 'PORT',
    help: "The first node's port for clients; the others take the ports after it.",
    parse: integer(1, 65_535),
    fallback: '7400',
  },
  url: {
    flag: 'url',
    shape: 'URL',
    help: 'The node to ask; any one of the cluster will do.',
    parse: nodeUrl,
    fallback: 'http://127.0.0.1:7400',
  },
  timeout: {
    flag: 'timeout',
    shape: 'MS',
    help: 'How long the node may take, in milliseconds.',
    parse: integer(1, limits.maxTimeoutMs),
    without: `${limits.defaultTimeoutMs}`,
  },
  r: {
    flag: 'r',
    shape: 'NODES',
    help: 'Nodes that must answer the read: a number, one, quorum or all.',
    parse: quorum,
    without: 'quorum',
  },
  w: {
    flag: 'w',
    shape: 'NODES',
    help: 'Nodes that must hold the write: a number, one, quorum or all.',
    parse: quorum,
    without: 'quorum',
  },
  context: {
    flag: 'context',
    shape: 'TOKEN',
    help: 'The versions that this write replaces, as an earlier answer named them.',
    parse: headerText,
    without: 'the write replaces nothing that it might not have seen',
  },
  showContext: {
    flag: 'show-context',
    help: 'Also print the context: on standard output, for get on standard error.',
    parse: toggle,
    fallback: 'false',
  },
  operation: {
    flag: 'operation',
    shape: 'ID',
    help: 'A name for this write, 1 to 64 characters: the same one twice is one write.',
    parse: headerText,
  },
  contentType: {
    flag: 'content-type',
    shape: 'TYPE',
    help: 'The type of the value, kept and given back.',
    parse: headerText,
    without: 'application/octet-stream',
  },
  meta: {
    flag: 'meta',
    shape: 'NAME=VALUE',
    help: 'A property kept with the value and given back; may be repeated.',
    parse: metaPair,
    repeats: true,
  },
  file: {
    flag: 'file',
    shape: 'FILE',
    help: 'Take the value from this file.',
    parse: path,
    without: 'the argument, or standard input',
  },
  versions: {
    flag: 'versions',
    help: 'Print every concurrent version, and deletions, as JSON.',
    parse: toggle,
    fallback: 'false',
  },
  allowReaped: {
    flag: 'allow-reaped',
    help: 'Also restore values that may have been deleted since the backup.',
    parse: toggle,
    fallback: 'false',
  },
  salvage: {
    flag: 'salvage',
    help: 'Also restore what can be read of damaged files, and of a backup that was never ended.',
    parse: toggle,
    fallback: 'false',
  },
  wait: {
    flag: 'wait',
    help: 'Wait until no partition moves any more, and show how far it is.',
    parse: toggle,
    fallback: 'false',
  },
  json: {
    flag: 'json',
    help: 'Print JSON, for programs.',
    parse: toggle,
    fallback: 'false',
  },
} as const satisfies Record<string, Setting>

type Table = typeof SETTINGS
export type SettingKey = keyof Table

type ValueOf<S> = S extends { parse: Parser<infer T>; fallback: string }
  ? T
  : S extends { parse: Parser<infer T>; repeats: true }
    ? T
    : S extends { parse: Parser<infer T> }
      ? T | undefined
      : never

/** Every setting's value, frozen; those that a command does not take have their default. */
export type Settings = { readonly [Key in SettingKey]: ValueOf<Table[Key]> }

export const settingKeys = Object.keys(SETTINGS) as SettingKey[]

/** The table's row in its general type. */
export function setting(key: SettingKey): Setting {
  return SETTINGS[key]
}

/** `peer-listen` → `ROTUNDA_PEER_LISTEN`. */
export function environmentVariable({ flag }: Pick<Setting, 'flag'>): string {
  return `ROTUNDA_${flag.toUpperCase().replaceAll('-', '_')}`
}
