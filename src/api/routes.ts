/** The one list of routes: path (as in the OpenAPI document), method, what it counts as, and who answers. */
import { dropBucket, putBucket, showBucket } from './buckets.js'
import { CHANGE_KINDS, postChange } from './changes.js'
import { showCluster, showLive, showReady, showRing } from './cluster.js'
import { postCopies, postSplit } from './cluster-changes.js'
import { showCopy, takeRows } from './copies.js'
import type { Exchange } from './exchange.js'
import { explainKey } from './explain.js'
import type { Operation } from './http-measurements.js'
import { listKeys } from './listing.js'
import { showMetrics } from './metrics.js'
import { showOpenapi } from './openapi.js'
import { showPlan } from './plan.js'
import {
  BUCKET_PATH,
  BUCKET64_PATH,
  EXPLAIN_PATH,
  PROPERTIES_PATH,
  VALUE_PATH,
  VALUE64_PATH,
} from './target.js'
import { deleteValue, getValue, putValue } from './values.js'

export type Method = 'GET' | 'HEAD' | 'PUT' | 'POST' | 'DELETE'

export interface Route {
  readonly path: string
  readonly method: Method
  readonly operation: Operation
  readonly answer: (exchange: Exchange) => void
}

function values(path: string): Route[] {
  return [
    { path, method: 'GET', operation: 'get', answer: getValue },
    { path, method: 'HEAD', operation: 'get', answer: getValue },
    { path, method: 'PUT', operation: 'put', answer: putValue },
    { path, method: 'DELETE', operation: 'delete', answer: deleteValue },
  ]
}

/** A page about the node; HEAD asks whether it is there. */
function page(path: string, operation: Operation, answer: (exchange: Exchange) => void): Route[] {
  return [
    { path, method: 'GET', operation, answer },
    { path, method: 'HEAD', operation, answer },
  ]
}

export const ROUTES: readonly Route[] = [
  ...values(VALUE_PATH),
  ...values(VALUE64_PATH),
  { path: BUCKET_PATH, method: 'GET', operation: 'list', answer: listKeys },
  { path: BUCKET64_PATH, method: 'GET', operation: 'list', answer: listKeys },
  { path: EXPLAIN_PATH, method: 'GET', operation: 'explain', answer: explainKey },
  { path: PROPERTIES_PATH, method: 'GET', operation: 'bucket', answer: showBucket },
  { path: PROPERTIES_PATH, method: 'HEAD', operation: 'bucket', answer: showBucket },
  { path: PROPERTIES_PATH, method: 'PUT', operation: 'bucket', answer: putBucket },
  { path: PROPERTIES_PATH, method: 'DELETE', operation: 'bucket', answer: dropBucket },
  ...page('/v1/cluster', 'cluster', showCluster),
  ...page('/v1/cluster/ring', 'cluster', showRing),
  ...page('/v1/cluster/plan', 'cluster', showPlan),
  ...CHANGE_KINDS.map(
    (kind): Route => ({
      path: `/v1/cluster/${kind}`,
      method: 'POST',
      operation: 'cluster',
      answer: postChange(kind),
    }),
  ),
  { path: '/v1/cluster/backup', method: 'GET', operation: 'backup', answer: showCopy },
  { path: '/v1/cluster/restore', method: 'POST', operation: 'restore', answer: takeRows },
  { path: '/v1/cluster/split', method: 'POST', operation: 'cluster', answer: postSplit },
  { path: '/v1/cluster/copies', method: 'POST', operation: 'cluster', answer: postCopies },
  ...page('/metrics', 'metrics', showMetrics),
  ...page('/health/live', 'health', showLive),
  ...page('/health/ready', 'health', showReady),
  ...page('/openapi.json', 'other', showOpenapi),
]

const METHODS = new Map<string, string[]>()
for (const { path, method } of ROUTES) METHODS.set(path, [...(METHODS.get(path) ?? []), method])

/** The methods that a path takes, for Allow; undefined where there is no such path. */
export function methodsOf(path: string): readonly string[] | undefined {
  return METHODS.get(path)
}
