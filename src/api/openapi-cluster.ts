/** The schemas of what a node shows of its cluster: members, work that is left, versions. */
import { changeProperties } from './openapi-changes.js'

type Json = Readonly<Record<string, unknown>>

const TEXT = { type: 'string' } as const
const COUNT = { type: 'integer', minimum: 0 } as const
const VERSION: Json = { type: 'integer', minimum: 0 }
const RANGE: Json = { type: 'array', items: VERSION, minItems: 2, maxItems: 2 }

/** Of a member. */
const speaksProperty = {
  speaks: {
    type: 'object',
    description: 'The lowest and the highest version that its build speaks, as it said last.',
    required: ['wire', 'storage'],
    properties: { wire: RANGE, storage: RANGE },
  },
} as const

/** Of the cluster. */
const versionProperties = {
  versions: {
    type: 'object',
    description: 'The versions that all members use together.',
    required: ['wire', 'storage'],
    properties: { wire: VERSION, storage: VERSION },
  },
  refused: {
    type: 'array',
    description: 'Nodes that this one did not talk to in the last ten minutes, and why.',
    items: {
      type: 'object',
      required: ['id', 'name', 'peerAddress', 'build', 'why', 'reason'],
      properties: {
        id: TEXT,
        name: TEXT,
        peerAddress: TEXT,
        build: { ...TEXT, description: 'The version of its package.' },
        why: { enum: ['other-cluster', 'no-common-version'] },
        reason: { ...TEXT, description: 'A sentence.' },
      },
    },
  },
} as const

export const member: Json = {
  type: 'object',
  required: [
    'id',
    'name',
    'address',
    'peerAddress',
    'zone',
    'weight',
    'status',
    'liveness',
    'incomplete',
    'speaks',
  ],
  properties: {
    id: TEXT,
    name: TEXT,
    address: { ...TEXT, description: 'host:port for clients.' },
    peerAddress: { ...TEXT, description: 'host:port for nodes.' },
    zone: TEXT,
    weight: { type: 'number' },
    status: { enum: ['joining', 'member', 'leaving', 'removed'] },
    liveness: { enum: ['self', 'up', 'suspected', 'down'], description: 'As this node sees it.' },
    incomplete: { type: 'boolean', description: 'Its rows are being fetched from the other owners.' },
    replacedBy: { ...TEXT, description: 'Who has its place now, if it was replaced.' },
    ...speaksProperty,
  },
}

const clusterProperties: Json = {
  clusterId: TEXT,
  self: { ...TEXT, description: 'The id of the node that answers.' },
  n: COUNT,
  r: COUNT,
  w: COUNT,
  q: { ...COUNT, description: 'Number of partitions.' },
  ringDigest: TEXT,
  pendingHints: COUNT,
  tombstones: { ...COUNT, description: 'Keys of which this node holds nothing but tombstones.' },
  reapingStoppedBy: {
    type: 'array',
    description: 'Members because of which this node cannot let go of tombstones.',
    items: {
      type: 'object',
      required: ['id', 'name', 'reason'],
      properties: {
        id: TEXT,
        name: TEXT,
        reason: { enum: ['away', 'silent', 'rebuilding', 'restarted', 'unavailable'] },
      },
    },
  },
  ...changeProperties,
  ...versionProperties,
  members: { type: 'array', items: { $ref: '#/components/schemas/Member' } },
}
export const cluster: Json = {
  type: 'object',
  required: Object.keys(clusterProperties),
  properties: clusterProperties,
}
