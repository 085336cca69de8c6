/** The operations of the OpenAPI document, by path and method. */
import type { ErrorCode } from '../errors.js'
import { planParameters } from './openapi-changes.js'
import { copyPath, restorePath } from './openapi-copies.js'
import { errorResponses } from './openapi-errors.js'
import {
  BUCKET_PATH,
  BUCKET64_PATH,
  EXPLAIN_PATH,
  PROPERTIES_PATH,
  VALUE_PATH,
  VALUE64_PATH,
} from './target.js'

type Json = Readonly<Record<string, unknown>>

const READ_ERRORS: readonly ErrorCode[] = ['BAD_KEY', 'NOT_FOUND', 'OVERLOADED', 'QUORUM_UNMET', 'TIMEOUT']
const WRITE_ERRORS: readonly ErrorCode[] = [
  'BAD_KEY',
  'BAD_CONTEXT',
  'OVERLOADED',
  'QUORUM_UNMET',
  'STORAGE_FULL',
  'TIMEOUT',
]
const PUT_ERRORS: readonly ErrorCode[] = [
  ...WRITE_ERRORS,
  'TOO_MANY_SIBLINGS',
  'LENGTH_REQUIRED',
  'TOO_LARGE',
]

function parameters(...names: string[]): Json[] {
  return names.map((name) => ({ $ref: `#/components/parameters/${name}` }))
}

function headers(names: Readonly<Record<string, string>>): Json {
  return Object.fromEntries(
    Object.entries(names).map(([name, component]) => [name, { $ref: `#/components/headers/${component}` }]),
  )
}

function schema(name: string): Json {
  return { $ref: `#/components/schemas/${name}` }
}

const CONTEXT = headers({ 'Rotunda-Context': 'Context' })

const LIST_HEADERS = headers({
  ETag: 'ETag',
  'Rotunda-Context': 'Context',
  'Last-Modified': 'LastModified',
  'Cache-Control': 'CacheControl',
  Vary: 'Vary',
  'X-Content-Type-Options': 'Nosniff',
  'Content-Security-Policy': 'Sandbox',
})

const VALUE_HEADERS: Json = {
  ...LIST_HEADERS,
  ...headers({ 'Content-Encoding': 'ContentEncoding', 'Rotunda-Meta-{name}': 'Meta' }),
}

const LISTS: Json = {
  'application/json': { schema: schema('Versions') },
  'multipart/mixed': {
    schema: { type: 'string', description: 'One part for each version, with its own headers.' },
  },
}

/** The answers that show a key. */
function shown(body: boolean): Json {
  const one = { '*/*': { schema: { description: 'The bytes as they were put.' } }, ...LISTS }
  return {
    200: {
      description: 'One version: its bytes; with versions=true a list.',
      headers: VALUE_HEADERS,
      ...(body ? { content: one } : {}),
    },
    300: {
      description: 'Several concurrent versions. The context covers all of them.',
      headers: LIST_HEADERS,
      ...(body ? { content: LISTS } : {}),
    },
  }
}

function getValue(names: readonly string[], body: boolean): Json {
  return {
    summary: body ? 'Read a key' : 'Read a key without its value',
    parameters: parameters(...names, 'R', 'Timeout', 'Versions', 'NoneMatch', 'Accept'),
    responses: {
      ...shown(body),
      304: { description: 'The client has this already.', headers: LIST_HEADERS },
      ...errorResponses(READ_ERRORS, body, {
        404: {
          headers: { ...CONTEXT, Vary: { $ref: '#/components/headers/Vary' } },
          schema: {
            description: 'With versions=true the tombstones of a deleted key are listed beside the error.',
            properties: { versions: { type: 'array', items: schema('Version') } },
          },
        },
      }),
    },
  }
}

const NO_CONTENT = {
  description:
    'Done, on as many nodes as W asks. The context covers this write, all that the given context covered, and versions already replaced; never a live version that the given context did not cover.',
  headers: CONTEXT,
}

function putValue(names: readonly string[]): Json {
  return {
    summary: 'Write a key',
    description:
      'Conditional headers are a 400: what a write replaces is said by its context. The body may be chunked.',
    parameters: parameters(
      ...names,
      'W',
      'Timeout',
      'Return',
      'Context',
      'Operation',
      'ContentEncoding',
      'Meta',
      'Accept',
    ),
    requestBody: {
      required: true,
      description: 'The value, with its content type.',
      content: { '*/*': { schema: { description: 'Any bytes.' } } },
    },
    responses: { ...shown(true), 204: NO_CONTENT, ...errorResponses(PUT_ERRORS, true) },
  }
}

function deleteValue(names: readonly string[]): Json {
  return {
    summary: 'Delete a key',
    description:
      'With a context it removes what that has seen; without one, what a quorum shows now. Where nothing is live it writes nothing.',
    parameters: parameters(...names, 'W', 'Timeout', 'Context', 'Operation'),
    responses: { 204: NO_CONTENT, ...errorResponses(WRITE_ERRORS, true) },
  }
}

function valuePath(...names: string[]): Json {
  return {
    get: getValue(names, true),
    head: getValue(names, false),
    put: putValue(names),
    delete: deleteValue(names),
  }
}

function listPath(...names: string[]): Json {
  const ok = {
    description: 'A page of live keys.',
    content: { 'application/json': { schema: schema('Keys') } },
  }
  return {
    get: {
      summary: 'List the live keys of a bucket, in byte order',
      parameters: parameters(...names, 'Limit', 'Cursor', 'Timeout'),
      responses: { 200: ok, ...errorResponses(['BAD_KEY', 'OVERLOADED', 'QUORUM_UNMET', 'TIMEOUT'], true) },
    },
  }
}

const explainPath: Json = {
  get: {
    summary: 'Where a key lives, and what each replica holds',
    parameters: parameters('Bucket', 'Key', 'Timeout'),
    responses: {
      200: {
        description: 'Partition, preference list, replicas.',
        content: { 'application/json': { schema: schema('Explained') } },
      },
      ...errorResponses(['BAD_KEY', 'OVERLOADED', 'TIMEOUT'], true),
    },
  },
}

const BUCKET_SHOWN: Json = {
  description: 'What is in force for the bucket on this node.',
  content: { 'application/json': { schema: schema('Bucket') } },
}

function showProperties(body: boolean): Json {
  return {
    summary: body ? 'Properties of a bucket' : 'Properties of a bucket, without the body',
    parameters: parameters('Bucket'),
    responses: {
      200: body ? BUCKET_SHOWN : { description: 'The same, without the body.' },
      ...errorResponses(['BAD_KEY', 'NOT_READY'], body),
    },
  }
}

const propertiesPath: Json = {
  get: showProperties(true),
  head: showProperties(false),
  put: {
    summary: 'Set the properties of a bucket',
    description:
      'They replace what was set before; what is left out is the default. Answered once this node has them on its disk; the others hear of them at once.',
    parameters: parameters('Bucket', 'Timeout'),
    requestBody: {
      required: true,
      content: { 'application/json': { schema: schema('BucketProperties') } },
    },
    responses: {
      200: BUCKET_SHOWN,
      ...errorResponses(
        ['BAD_KEY', 'OVERLOADED', 'LENGTH_REQUIRED', 'TOO_LARGE', 'NOT_READY', 'TIMEOUT'],
        true,
      ),
    },
  },
  delete: {
    summary: 'Drop the properties of a bucket',
    description: 'Its keys stay; requests take the defaults again.',
    parameters: parameters('Bucket', 'Timeout'),
    responses: {
      204: { description: 'Dropped, or never set.' },
      ...errorResponses(['BAD_KEY', 'OVERLOADED', 'NOT_READY', 'TIMEOUT'], true),
    },
  },
}

/** An act of an operator. */
function changePath(summary: string, description: string, name: string): Json {
  return {
    post: {
      summary,
      description: `${description} Answered once this node has it on its disk; the others hear of it at once, and rows move afterwards.`,
      parameters: parameters('Timeout'),
      requestBody: { required: true, content: { 'application/json': { schema: schema(name) } } },
      responses: {
        200: {
          description: 'Recorded. `moving`: partitions that are on their way to other owners.',
          content: { 'application/json': { schema: schema('Changed') } },
        },
        ...errorResponses(
          ['NOT_FOUND', 'OVERLOADED', 'LENGTH_REQUIRED', 'TOO_LARGE', 'NOT_READY', 'TIMEOUT'],
          true,
        ),
      },
    },
  }
}

/** A page about the node, for GET and HEAD. */
/** `takes`: parameters, where there are any, and the errors that come with them. */
function page(
  summary: string,
  mediaType: string,
  content: Json,
  takes?: { readonly parameters: readonly Json[]; readonly errors: readonly ErrorCode[] },
): Json {
  const operation = (body: boolean): Json => ({
    summary: body ? summary : `${summary}, without the body`,
    ...(takes === undefined ? {} : { parameters: takes.parameters }),
    responses: {
      200: {
        description: summary,
        ...(body ? { content: { [mediaType]: { schema: content } } } : {}),
      },
      ...errorResponses(takes?.errors ?? [], body, { 503: { schema: schema('Health') } }),
    },
  })
  return { get: operation(true), head: operation(false) }
}

export const paths: Json = {
  [VALUE_PATH]: valuePath('Bucket', 'Key'),
  [VALUE64_PATH]: valuePath('Bucket64', 'Key64'),
  [BUCKET_PATH]: listPath('Bucket', 'Prefix'),
  [BUCKET64_PATH]: listPath('Bucket64', 'Prefix64'),
  [EXPLAIN_PATH]: explainPath,
  [PROPERTIES_PATH]: propertiesPath,
  '/v1/cluster': page('The cluster as this node sees it', 'application/json', schema('Cluster')),
  '/v1/cluster/ring': page(
    'Which nodes own which partition, and how a key finds its partition',
    'application/json',
    schema('Ring'),
  ),
  '/v1/cluster/plan': page(
    'What a change would move, before anybody makes it',
    'application/json',
    schema('Plan'),
    { parameters: planParameters, errors: ['NOT_FOUND'] },
  ),
  '/v1/cluster/leave': changePath(
    'A member leaves',
    'It hands over all that it holds, and stops by itself.',
    'MemberNamed',
  ),
  '/v1/cluster/remove': changePath(
    'A dead member is removed, for ever',
    'Refused while it answers this node.',
    'MemberNamed',
  ),
  '/v1/cluster/replace': changePath(
    'The place of a dead member is given to a machine that is to come',
    'A machine that joins under the name `by` owns what the dead member owned. Refused while that one answers this node, and where `by` is a member already.',
    'MemberReplaced',
  ),
  '/v1/cluster/weight': changePath('A member gets another weight', 'Its share of the data.', 'MemberWeight'),
  '/v1/cluster/zone': changePath(
    'A member gets another zone',
    'Replicas are spread over zones.',
    'MemberZone',
  ),
  '/v1/cluster/backup': copyPath,
  '/v1/cluster/restore': restorePath,
  '/v1/cluster/split': changePath(
    'There are more partitions',
    'Each becomes several, which its owners own: no row moves, and no request fails. Without a number there are twice as many.',
    'ClusterSplit',
  ),
  '/v1/cluster/copies': changePath(
    'Another number of copies, N',
    'Owners are added and filled, or let go of what they hold; quorums follow.',
    'ClusterCopies',
  ),
  '/metrics': page("Measurements in Prometheus' text form", 'text/plain', { type: 'string' }),
  '/health/live': page('Is the process alive?', 'application/json', schema('Health')),
  '/health/ready': page('Can this node coordinate a request now?', 'application/json', schema('Health')),
  '/openapi.json': page('This document', 'application/json', { type: 'object' }),
}
