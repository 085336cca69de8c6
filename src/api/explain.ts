/** GET /v1/explain: where a key lives and what each of its replicas holds, for people who wonder. Values are not shown, only their sizes. */
import { type ClockEntry, decodeClock, type Sibling } from '../kernel/index.js'
import type { Explained, ReplicaExplanation } from '../node/requests.js'
import type { Exchange } from './exchange.js'
import { asText } from './header-text.js'
import { sendJson } from './json.js'
import { parseQuery, timeoutParameter } from './query.js'
import { bytesMember, DEFAULT_CONTENT_TYPE } from './representation.js'
import { bucketOf, keyOf } from './target.js'
import { refuseBody } from './values.js'
import { attributesOf, versionsOf } from './versions.js'

export const EXPLAIN_PARAMETERS = ['timeout'] as const

function hex(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('hex')
}

function clockEntryJson({ actor, contiguous, beyond }: ClockEntry): Record<string, unknown> {
  return { actor: hex(actor), contiguous, beyond: beyond.map(({ first, last }) => [first, last]) }
}

function siblingJson(sibling: Sibling): Record<string, unknown> {
  const dot = { actor: hex(sibling.dot.actor), counter: sibling.dot.counter }
  const writtenAt = new Date(sibling.wallMs).toISOString()
  if (sibling.tombstone) return { dot, writtenAt }
  const contentType = asText(attributesOf(sibling).contentType) || DEFAULT_CONTENT_TYPE
  return { dot, writtenAt, contentType, valueBytes: sibling.value.length }
}

function replicaJson(replica: ReplicaExplanation): Record<string, unknown> {
  const { nodeId, name, answer, hint, incomplete } = replica
  const { live, tombstones, clock } = versionsOf(replica.object)
  return {
    node: nodeId,
    name,
    answer,
    tookMs: replica.tookMs ?? null,
    reason: replica.reason ?? null,
    hint,
    incomplete,
    clock: decodeClock(clock).map(clockEntryJson),
    versions: live.map(siblingJson),
    tombstones: tombstones.map(siblingJson),
  }
}

function explainedJson(bucket: Uint8Array, key: Uint8Array, explained: Explained): Record<string, unknown> {
  return {
    ...bytesMember('bucket', bucket),
    ...bytesMember('key', key),
    hash: explained.hash.toString(16).padStart(16, '0'),
    partition: explained.partition,
    preferenceList: explained.preferenceList.map(({ nodeId, name, owner }) => ({
      node: nodeId,
      name,
      owner,
    })),
    replicas: explained.replicas.map(replicaJson),
  }
}

export function explainKey(exchange: Exchange): void {
  const { edge, target } = exchange
  const bucket = bucketOf(target)
  const key = keyOf(target)
  const deadlineMs = exchange.startMs + timeoutParameter(parseQuery(target, EXPLAIN_PARAMETERS))
  refuseBody(exchange)
  exchange.admit()
  exchange.ask<Explained>(
    (done) => edge.database.explain({ bucket, key, deadlineMs }, done),
    (explained) => sendJson(exchange, explainedJson(bucket, key, explained)),
  )
}
