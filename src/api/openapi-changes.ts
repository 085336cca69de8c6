/** The schemas of what operators do with members, and with backups. */
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
  Changed: {
    type: 'object',
    required: ['recorded', 'moving'],
    properties: { recorded: { const: true }, moving: COUNT },
  },
}
