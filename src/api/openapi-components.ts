/** Parameters, headers and schemas of the OpenAPI document. */

import { limits } from '../limits.js'
import { changeSchemas } from './openapi-changes.js'
import { cluster, member } from './openapi-cluster.js'
import { errorSchemaComponent } from './openapi-errors.js'

type Json = Readonly<Record<string, unknown>>

const TEXT = { type: 'string' } as const
const COUNT = { type: 'integer', minimum: 0 } as const
const BASE64URL = { type: 'string', pattern: '^[A-Za-z0-9_-]+$' } as const
const QUORUM = {
  oneOf: [
    { type: 'integer', minimum: 1, maximum: limits.replicas },
    { type: 'string', enum: ['one', 'quorum', 'all'] },
  ],
} as const

function query(name: string, description: string, schema: Json): Json {
  return { name, in: 'query', required: false, description, schema }
}

function path(name: string, description: string, schema: Json): Json {
  return { name, in: 'path', required: true, description, schema }
}

function requestHeader(name: string, description: string, schema: Json): Json {
  return { name, in: 'header', required: false, description, schema }
}

function header(description: string, schema: Json): Json {
  return { description, schema }
}

const context =
  'What the client has seen of this key. Opaque, authenticated, and good for this bucket and key only. A write that carries it replaces exactly the versions that it covers; without it a write is blind and becomes a sibling of what is there.'

export const parameters: Json = {
  Bucket: path('bucket', `1 to ${limits.bucketBytes} bytes of UTF-8, percent-encoded, decoded once.`, {
    ...TEXT,
    minLength: 1,
  }),
  Key: path(
    'key',
    `1 to ${limits.keyBytes} bytes of UTF-8, percent-encoded, decoded once; a slash is written %2F. For "." and ".." use kv64: URL parsers swallow them.`,
    { ...TEXT, minLength: 1 },
  ),
  Bucket64: path(
    'bucket',
    `1 to ${limits.bucketBytes} bytes of any kind in base64url without padding.`,
    BASE64URL,
  ),
  Key64: path('key', `1 to ${limits.keyBytes} bytes of any kind in base64url without padding.`, BASE64URL),
  R: query('r', 'How many distinct nodes must have answered, at most N. Default: quorum.', QUORUM),
  W: query('w', 'How many distinct nodes must hold the write, at most N. Default: quorum.', QUORUM),
  Timeout: query('timeout', 'How long to wait, in milliseconds.', {
    type: 'integer',
    minimum: 1,
    maximum: limits.maxTimeoutMs,
    default: limits.defaultTimeoutMs,
  }),
  Versions: query('versions', 'true: a list in any case, tombstones included.', {
    type: 'string',
    enum: ['true', 'false'],
    default: 'false',
  }),
  Return: query('return', 'body: answer with the merged result as GET shows it.', {
    type: 'string',
    enum: ['body'],
  }),
  Prefix: query('prefix', 'Bytes with which the keys begin: percent-encoded UTF-8.', TEXT),
  Prefix64: query('prefix', 'Bytes with which the keys begin: base64url.', { type: 'string' }),
  Limit: query('limit', 'How many keys a page has at most.', {
    type: 'integer',
    minimum: 1,
    maximum: limits.listPageKeys,
    default: limits.listPageKeysDefault,
  }),
  Cursor: query(
    'cursor',
    'From the page before; opaque, and bound to bucket and prefix. Empty: from the start.',
    TEXT,
  ),
  Context: requestHeader('Rotunda-Context', context, { ...TEXT, maxLength: limits.contextTokenBytes }),
  Operation: requestHeader(
    'Rotunda-Operation',
    'A name for this write, chosen by the client: the same operation twice is one write, so a retry is safe.',
    { ...TEXT, minLength: 1, maxLength: limits.operationBytes, pattern: '^[!-~]+$' },
  ),
  ContentEncoding: requestHeader('Content-Encoding', 'Kept with the value and given back with it.', TEXT),
  Meta: requestHeader(
    'Rotunda-Meta-{name}',
    `Any number of headers with this prefix: kept with the value and given back with it. Together with Content-Type and Content-Encoding at most ${limits.attributesBytes} bytes.`,
    TEXT,
  ),
  NoneMatch: requestHeader(
    'If-None-Match',
    'Entity tags that the client has: 304 where the current one is among them.',
    TEXT,
  ),
  Accept: requestHeader(
    'Accept',
    'The form of a list of versions: application/json unless multipart/mixed is preferred.',
    TEXT,
  ),
}

export const headers: Json = {
  Context: header(context, TEXT),
  ETag: header('Digest of clock, live versions and form; the same from every node.', TEXT),
  LastModified: header(
    'When the (latest) version was taken, by the clock of the node that took it; for people.',
    TEXT,
  ),
  ContentEncoding: header('As it was put.', TEXT),
  Meta: header('Each as it was put.', TEXT),
  CacheControl: header('Never used without asking again.', { const: 'no-cache' }),
  Vary: header('Lists come in two forms.', { const: 'Accept' }),
  Nosniff: header('Browsers take the content type as it is.', { const: 'nosniff' }),
  Sandbox: header('Browsers run nothing in a value.', { const: 'sandbox' }),
  RequestId: header('Names this answer in the log.', TEXT),
  RetryAfter: header('Seconds to wait before trying again.', { type: 'integer', minimum: 0 }),
  Allow: header('The methods that the path takes.', TEXT),
}

const version: Json = {
  type: 'object',
  required: ['meta', 'writtenAt'],
  properties: {
    contentType: TEXT,
    contentEncoding: TEXT,
    meta: { type: 'object', additionalProperties: TEXT },
    writtenAt: { type: 'string', format: 'date-time' },
    value: { type: 'string', contentEncoding: 'base64', description: 'Absent from a tombstone.' },
    deleted: { const: true, description: 'A tombstone; listed only with versions=true.' },
  },
  additionalProperties: false,
}

const versions: Json = {
  type: 'object',
  required: ['context', 'versions'],
  properties: {
    bucket: { ...TEXT, description: 'Where it is UTF-8.' },
    bucket64: { ...BASE64URL, description: 'Where it is not.' },
    key: TEXT,
    key64: BASE64URL,
    context: {
      ...TEXT,
      description: 'Covers all versions listed: put the merged value with it and one is left.',
    },
    versions: { type: 'array', items: { $ref: '#/components/schemas/Version' } },
  },
}

const keys: Json = {
  type: 'object',
  required: ['keys', 'cursor'],
  properties: {
    keys: {
      type: 'array',
      description: 'In byte order.',
      items: {
        oneOf: [
          TEXT,
          {
            type: 'object',
            description: 'A key that is not UTF-8.',
            required: ['key64'],
            properties: { key64: BASE64URL },
            additionalProperties: false,
          },
        ],
      },
    },
    cursor: {
      type: ['string', 'null'],
      description: 'For the next page; null after the last. A page may be empty and not the last.',
    },
  },
  additionalProperties: false,
}

const dotted: Json = {
  type: 'object',
  required: ['dot', 'writtenAt'],
  properties: {
    dot: {
      type: 'object',
      required: ['actor', 'counter'],
      properties: { actor: { type: 'string', pattern: '^[0-9a-f]{28}$' }, counter: COUNT },
    },
    writtenAt: { type: 'string', format: 'date-time' },
    contentType: TEXT,
    valueBytes: COUNT,
  },
}

const replica: Json = {
  type: 'object',
  required: [
    'node',
    'name',
    'answer',
    'tookMs',
    'reason',
    'hint',
    'incomplete',
    'clock',
    'versions',
    'tombstones',
  ],
  properties: {
    node: TEXT,
    name: TEXT,
    answer: { enum: ['ok', 'missing', 'unknown', 'timeout', 'down', 'refused'] },
    tookMs: { type: ['number', 'null'] },
    reason: { type: ['string', 'null'], description: 'Why there is no answer.' },
    hint: { type: 'boolean', description: 'A copy that a fallback keeps for an owner that was away.' },
    incomplete: { type: 'boolean', description: 'This replica may lack rows and does not count towards R.' },
    clock: {
      type: 'array',
      items: {
        type: 'object',
        required: ['actor', 'contiguous', 'beyond'],
        properties: {
          actor: TEXT,
          contiguous: COUNT,
          beyond: {
            type: 'array',
            description: 'Spans of counters beyond the first gap.',
            items: { type: 'array', items: COUNT, minItems: 2, maxItems: 2 },
          },
        },
      },
    },
    versions: { type: 'array', items: { $ref: '#/components/schemas/Dotted' } },
    tombstones: { type: 'array', items: { $ref: '#/components/schemas/Dotted' } },
  },
}

const explained: Json = {
  type: 'object',
  required: ['hash', 'partition', 'preferenceList', 'replicas'],
  properties: {
    bucket: TEXT,
    bucket64: BASE64URL,
    key: TEXT,
    key64: BASE64URL,
    hash: { type: 'string', pattern: '^[0-9a-f]{16}$' },
    partition: COUNT,
    preferenceList: {
      type: 'array',
      items: {
        type: 'object',
        required: ['node', 'name', 'owner'],
        properties: { node: TEXT, name: TEXT, owner: { type: 'boolean' } },
      },
    },
    replicas: { type: 'array', items: { $ref: '#/components/schemas/Replica' } },
  },
}

const ring: Json = {
  type: 'object',
  required: ['q', 'n', 'ringDigest', 'hashRule', 'members', 'partitions'],
  properties: {
    q: COUNT,
    n: COUNT,
    ringDigest: TEXT,
    hashRule: { type: 'object', additionalProperties: TEXT },
    members: {
      type: 'array',
      items: {
        type: 'object',
        required: ['id', 'name', 'address'],
        properties: { id: TEXT, name: TEXT, address: TEXT },
      },
    },
    partitions: {
      type: 'array',
      description: 'For each partition its owners in order, as indices into members.',
      items: { type: 'array', items: COUNT },
    },
  },
}

const named = { enum: ['one', 'quorum', 'all'] }
const quorum: Json = { anyOf: [named, { type: 'integer', minimum: 1, description: 'Up to N.' }] }

/** Null is what was not set: the cluster's default. */
function orNull(...kinds: readonly Json[]): Json {
  return { anyOf: [...kinds, { type: 'null' }] }
}

const bucketProperties: Json = {
  type: 'object',
  properties: {
    r: { ...orNull(quorum), description: 'For reads that do not say.' },
    w: { ...orNull(quorum), description: 'For writes that do not say.' },
    sloppy: {
      ...orNull({ type: 'boolean' }),
      description:
        'Do nodes that stand in for owners that are away count towards R and W? They do by default.',
    },
    resolve: { ...orNull({ const: 'siblings' }), description: 'Concurrent versions are all kept and shown.' },
    ttlSeconds: { type: 'null', description: 'Nothing expires.' },
  },
  additionalProperties: false,
}

const bucket: Json = {
  type: 'object',
  required: ['r', 'w', 'sloppy', 'resolve', 'ttlSeconds'],
  properties: {
    bucket: TEXT,
    bucket64: { ...BASE64URL, description: 'Instead of bucket, where it is no UTF-8.' },
    r: quorum,
    w: quorum,
    sloppy: { type: 'boolean' },
    resolve: { const: 'siblings' },
    ttlSeconds: { type: 'null' },
  },
  additionalProperties: false,
}

const health: Json = {
  type: 'object',
  properties: {
    live: { type: 'boolean' },
    ready: { type: 'boolean' },
    reasons: { type: 'array', items: TEXT },
    warnings: { type: 'array', items: TEXT },
  },
}

export const schemas: Json = {
  Error: errorSchemaComponent,
  Version: version,
  Versions: versions,
  Keys: keys,
  Dotted: dotted,
  Replica: replica,
  Explained: explained,
  Member: member,
  Cluster: cluster,
  Ring: ring,
  Health: health,
  Bucket: bucket,
  BucketProperties: bucketProperties,
  ...changeSchemas,
}
