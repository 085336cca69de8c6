/** The schemas of what operators do with members, with the whole cluster, and with backups. */
import { MAX_WEIGHT, MAX_ZONE_BYTES, MIN_WEIGHT } from '../kernel/index.js'
import { LABEL_PATTERN, limits } from '../limits.js'
import { copyProperties, copySchemas } from './openapi-copies.js'
import { PLANNED_KINDS } from './plan.js'

type Json = Readonly<Record<string, unknown>>

const COUNT: Json = { type: 'integer', minimum: 0 }

/** What a node shows of partitions that move. */
export const changeProperties = {
  transfers: { ...COUNT, description: 'Partitions on their way to other owners.' },
  toHandOver: { ...COUNT, description: 'Those of them that this node has still to hand over.' },
  move: {
    description: 'How far they are; null where none moves.',
    oneOf: [{ type: 'null' }, { $ref: '#/components/schemas/Move' }],
  },
  ...copyProperties,
} as const

const AMOUNT: Json = { type: ['number', 'null'], minimum: 0 }

const moveProperties: Json = {
  partitions: { ...COUNT, description: 'That the present change gives other owners.' },
  left: { ...COUNT, description: 'Those of them that have not come there yet.' },
  perSecond: { ...AMOUNT, description: 'As this node has seen it lately; null: it cannot tell.' },
  leftSeconds: { ...AMOUNT, description: 'How long it will take at that pace.' },
  rowsSent: {
    ...COUNT,
    description:
      'Rows of partitions that move which this node has sent to other owners since it started; one that went to two counts twice.',
  },
  bytesSent: { ...COUNT, description: 'The bytes of these rows.' },
  bytesMoving: {
    type: ['integer', 'null'],
    minimum: 0,
    description:
      'About so many bytes of objects have the partitions that new owners do not have whole, once for each of these owners; those that this node does not hold are taken for the mean of the others. null: it cannot tell.',
  },
  bytesArrived: { ...COUNT, description: 'Of them, those that this node has as a new owner.' },
  waitsFor: {
    type: 'array',
    description: 'Members that have something to do before partitions go on; those who hold up most first.',
    items: {
      type: 'object',
      required: ['id', 'name', 'task', 'partitions', 'isThere'],
      properties: {
        id: { type: 'string' },
        name: { type: 'string' },
        task: {
          enum: ['hand-over', 'let-go', 'receive'],
          description:
            'Send new owners what they lack; record that it reads no old owner any more; be there.',
        },
        partitions: COUNT,
        isThere: { type: 'boolean', description: 'It answers this node.' },
      },
    },
  },
}

const MEMBER: Json = { type: 'string', description: 'Its name, or its id.' }

function changeOf(further: Json = {}): Json {
  return {
    type: 'object',
    required: ['member', ...Object.keys(further)],
    additionalProperties: false,
    properties: { member: MEMBER, ...further },
  }
}

function parameter(name: string, description: string, schema: Json): Json {
  return { name, in: 'query', required: name === 'change', description, schema }
}

const TEXT: Json = { type: 'string', minLength: 1, maxLength: 64 }
const WEIGHT: Json = { type: 'number', minimum: MIN_WEIGHT, maximum: MAX_WEIGHT }
const ZONE: Json = { type: 'string', maxLength: MAX_ZONE_BYTES }

export const planParameters: readonly Json[] = [
  parameter('change', 'What is planned.', { enum: PLANNED_KINDS }),
  parameter(
    'member',
    'Whom it concerns, by name or id; of a join the name of the machine that is to come.',
    TEXT,
  ),
  parameter('by', 'Of a replacement: the name of the new machine.', TEXT),
  parameter('weight', 'Of a member that comes, or gets another weight.', WEIGHT),
  parameter('zone', 'Of a member that comes, or gets another zone.', ZONE),
  parameter('partitions', 'Of a split; absent: twice as many as there are.', {
    type: 'integer',
    minimum: 1,
    maximum: limits.partitions,
  }),
  parameter('copies', 'N.', { type: 'integer', minimum: 1, maximum: limits.replicas }),
]

const BEFORE_AND_AFTER: Json = {
  type: 'object',
  required: ['before', 'after'],
  properties: { before: COUNT, after: COUNT },
}
const SHARE: Json = {
  type: ['object', 'null'],
  description: 'Copies of partitions that it owns, and how many by its weight. null: not a member then.',
  required: ['partitions', 'due'],
  properties: { partitions: COUNT, due: { type: 'number', minimum: 0 } },
}
const BYTES: Json = {
  type: ['integer', 'null'],
  minimum: 0,
  description: 'An estimate, of objects without keys and overhead; null: this node cannot tell.',
}

const PLAN: Json = {
  type: 'object',
  required: [
    'change',
    'q',
    'n',
    'moving',
    'moves',
    'movedPartitions',
    'movedBytes',
    'bytesKnownOf',
    'members',
  ],
  properties: {
    change: { enum: PLANNED_KINDS },
    q: BEFORE_AND_AFTER,
    n: BEFORE_AND_AFTER,
    moving: { ...COUNT, description: 'Partitions on their way already; the plan begins where they arrive.' },
    moves: {
      type: 'array',
      items: {
        type: 'object',
        required: ['from', 'to', 'partitions', 'bytes'],
        properties: {
          from: { type: ['string', 'null'], description: 'null: there are more copies than before.' },
          to: { type: ['string', 'null'], description: 'null: there are fewer, and nothing is sent.' },
          partitions: COUNT,
          bytes: BYTES,
        },
      },
    },
    movedPartitions: { ...COUNT, description: 'Copies of partitions that somebody gets.' },
    movedBytes: BYTES,
    bytesKnownOf: {
      ...COUNT,
      description:
        'Partitions that the asked node holds, so that it knows their bytes; for others it takes the mean.',
    },
    members: {
      type: 'array',
      items: {
        type: 'object',
        required: ['name', 'before', 'after'],
        properties: { name: { type: 'string' }, before: SHARE, after: SHARE },
      },
    },
  },
}

export const changeSchemas: Json = {
  Move: { type: 'object', required: Object.keys(moveProperties), properties: moveProperties },
  ...copySchemas,
  Plan: PLAN,
  MemberNamed: changeOf(),
  MemberReplaced: changeOf({
    by: {
      type: 'string',
      pattern: LABEL_PATTERN,
      description: 'The name under which the new machine will join; no member has it.',
    },
  }),
  MemberWeight: changeOf({ weight: WEIGHT }),
  MemberZone: changeOf({ zone: ZONE }),
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
