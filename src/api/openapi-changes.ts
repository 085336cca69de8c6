/** The schemas of what operators do with members, with the whole cluster, and with backups. */
import { limits } from '../limits.js'
import { copyProperties, copySchemas } from './openapi-copies.js'

type Json = Readonly<Record<string, unknown>>

const COUNT: Json = { type: 'integer', minimum: 0 }

/** What a node shows of partitions that move. */
export const changeProperties = {
  transfers: { ...COUNT, description: 'Partitions on their way to other owners.' },
  toHandOver: { ...COUNT, description: 'Those of them that this node has still to hand over.' },
  ...copyProperties,
} as const

const MEMBER: Json = { type: 'string', description: 'Its name, or its id.' }

function changeOf(further: Json = {}): Json {
  return {
    type: 'object',
    required: ['member', ...Object.keys(further)],
    additionalProperties: false,
    properties: { member: MEMBER, ...further },
  }
}

export const changeSchemas: Json = {
  ...copySchemas,
  MemberNamed: changeOf(),
  MemberWeight: changeOf({ weight: { type: 'number', minimum: 1e-6, maximum: 1e6 } }),
  MemberZone: changeOf({ zone: { type: 'string', maxLength: 64 } }),
  ClusterSplit: {
    type: 'object',
    additionalProperties: false,
    properties: {
      partitions: { type: 'integer', minimum: 2, maximum: limits.partitions, description: 'A power of two.' },
    },
  },
  ClusterCopies: {
    type: 'object',
    required: ['copies'],
    additionalProperties: false,
    properties: { copies: { type: 'integer', minimum: 1, maximum: limits.replicas } },
  },
  Changed: {
    type: 'object',
    required: ['recorded', 'moving', 'q', 'n'],
    properties: {
      recorded: { const: true },
      moving: COUNT,
      q: { ...COUNT, description: 'Partitions from now on.' },
      n: { ...COUNT, description: 'Copies of each key from now on, as far as there are members.' },
    },
  },
}
