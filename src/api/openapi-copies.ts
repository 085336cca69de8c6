/** The part of the OpenAPI document that is about backups. */
import { errorResponses } from './openapi-errors.js'

type Json = Readonly<Record<string, unknown>>

const COUNT: Json = { type: 'integer', minimum: 0 }
const HISTORY: Json = { type: 'string', pattern: '^[0-9a-f]{16}$' }
const ROW_KEY: Json = { type: 'string', pattern: '^([0-9a-f]{2})*$' }
const TIMEOUT: Json = { $ref: '#/components/parameters/Timeout' }
const ROWS: Json = { 'application/octet-stream': { schema: { type: 'string', format: 'binary' } } }

/** What a node shows of its history of reaping. */
export const copyProperties = {
  reapHistory: {
    type: ['object', 'null'],
    description:
      'How far this member’s history of reaping has come. A backup notes it; a restore tells by it which of its keys may have been deleted since.',
    required: ['history', 'rounds', 'fromFoundation'],
    properties: {
      history: HISTORY,
      rounds: COUNT,
      fromFoundation: {
        type: 'boolean',
        description: 'It goes back to the foundation of the cluster.',
      },
    },
  },
} as const

export const copySchemas: Json = {
  Restored: {
    type: 'object',
    required: ['written', 'known', 'held', 'failed'],
    properties: {
      written: { ...COUNT, description: 'A quorum of their owners has them on its disks.' },
      known: { ...COUNT, description: 'Their owners had all of it already.' },
      held: {
        ...COUNT,
        description: 'Left out: they would bring back a value that may have been deleted since the backup.',
      },
      failed: { ...COUNT, description: 'Not written, or only in part. They may be sent again.' },
    },
  },
}

function parameter(name: string, schema: Json, description: string): Json {
  return { name, in: 'query', required: false, schema, description }
}

export const copyPath: Json = {
  get: {
    summary: 'A page of rows of this node, for a backup',
    description: 'Its own rows only: a backup puts those of all owners together, as `rotunda backup` does.',
    parameters: [
      parameter(
        'of',
        { enum: ['rows', 'digests', 'kept'] },
        'Rows with their objects, rows with digests of them, or what is kept for owners that are away.',
      ),
      parameter('from', ROW_KEY, 'The first row key, in hex. Default: the very first.'),
      parameter('to', ROW_KEY, 'Where to stop, excluded. Default: behind the last.'),
      TIMEOUT,
    ],
    responses: {
      200: {
        description: 'A page, in the form that docs/storage-format.md describes.',
        content: ROWS,
      },
      ...errorResponses(['OVERLOADED', 'TIMEOUT'], true),
    },
  },
}

export const restorePath: Json = {
  post: {
    summary: 'Take rows of a backup into the cluster',
    description:
      'Each is joined with what the owners of its key hold, so nothing newer is lost and the same rows may be sent again. A key of which something may have been deleted since the backup is left out, unless `reaped` allows it.',
    parameters: [
      parameter('history', HISTORY, 'This member’s history of reaping when the backup was begun.'),
      parameter('rounds', COUNT, 'How far it had come then.'),
      parameter('reaped', { enum: ['allow'] }, 'Also values that may have been deleted since.'),
      TIMEOUT,
    ],
    requestBody: { required: true, content: ROWS },
    responses: {
      200: {
        description: 'What became of the rows.',
        content: { 'application/json': { schema: { $ref: '#/components/schemas/Restored' } } },
      },
      ...errorResponses(['OVERLOADED', 'LENGTH_REQUIRED', 'TOO_LARGE', 'TIMEOUT'], true),
    },
  },
}
