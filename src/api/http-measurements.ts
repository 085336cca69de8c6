/**
 * Counts and durations of HTTP requests, in plain arrays: recording one costs a few additions. /metrics turns them into Prometheus'
 * form when it is asked.
 */

export const OPERATIONS = [
  'get',
  'put',
  'delete',
  'list',
  'explain',
  'bucket',
  'cluster',
  'backup',
  'restore',
  'metrics',
  'health',
  'other',
] as const

export type Operation = (typeof OPERATIONS)[number]

/** Upper bounds of the histogram's buckets, in seconds. */
export const BUCKETS_SECONDS = [
  0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10,
] as const

const STATUSES = 600
const WIDTH = BUCKETS_SECONDS.length + 1

export interface OperationHistogram {
  readonly operation: Operation
  /** One count for each of BUCKETS_SECONDS and one for all above; not cumulative. */
  readonly counts: readonly number[]
  readonly sumSeconds: number
}

export interface StatusCount {
  readonly operation: Operation
  readonly status: number
  readonly requests: number
}

export class HttpMeasurements {
  readonly #buckets = new Float64Array(OPERATIONS.length * WIDTH)
  readonly #sums = new Float64Array(OPERATIONS.length)
  readonly #statuses = new Float64Array(OPERATIONS.length * STATUSES)
  /** Requests that the HTTP parser refused or that took too long to arrive. */
  malformed = 0

  record(operation: Operation, status: number, elapsedMs: number): void {
    const index = OPERATIONS.indexOf(operation)
    const seconds = elapsedMs / 1000
    let bucket = 0
    while (bucket < BUCKETS_SECONDS.length && seconds > BUCKETS_SECONDS[bucket]!) bucket++
    this.#buckets[index * WIDTH + bucket]!++
    this.#sums[index]! += seconds
    this.#statuses[index * STATUSES + status]!++
  }

  /** For the operations that occurred. */
  histograms(): OperationHistogram[] {
    return OPERATIONS.map((operation, index) => ({
      operation,
      counts: [...this.#buckets.subarray(index * WIDTH, (index + 1) * WIDTH)],
      sumSeconds: this.#sums[index]!,
    })).filter((histogram) => histogram.counts.some((count) => count > 0))
  }

  /** For the combinations that occurred. */
  statuses(): StatusCount[] {
    const counts: StatusCount[] = []
    for (const [index, operation] of OPERATIONS.entries()) {
      for (let status = 0; status < STATUSES; status++) {
        const requests = this.#statuses[index * STATUSES + status]!
        if (requests > 0) counts.push({ operation, status, requests })
      }
    }
    return counts
  }
}
