/**
 * GET /metrics, in Prometheus' text form. Nothing is kept by prom-client between scrapes: a request costs some additions in plain arrays
 * (http-measurements.ts, and the node's own), and only a scrape turns them into metrics. The library is loaded at the first scrape.
 */
import type { Measurements } from '../node/requests.js'
import type { Edge } from './edge.js'
import type { Exchange } from './exchange.js'
import { BUCKETS_SECONDS, type HttpMeasurements, type OperationHistogram } from './http-measurements.js'
import { parseQuery } from './query.js'
import { refuseBody } from './values.js'

type Labels = Record<string, string | number>

interface Sample {
  readonly labels: Labels
  readonly value: number
  /** With suffix, for histograms. */
  readonly metricName?: string
}

interface MetricFamily {
  readonly name: string
  readonly help: string
  readonly type: 'counter' | 'gauge' | 'histogram'
  readonly values: Sample[]
}

const PREFIX = 'rotunda_'

/** The labels of `name{a="b",c="d"}`. Values hold no quotes and commas: the node makes them. */
function splitName(text: string): { name: string; labels: Labels } {
  const brace = text.indexOf('{')
  if (brace === -1) return { name: text, labels: {} }
  const labels: Labels = {}
  for (const pair of text.slice(brace + 1, -1).split(',')) {
    const equals = pair.indexOf('=')
    labels[pair.slice(0, equals).trim()] = pair.slice(equals + 2, -1)
  }
  return { name: text.slice(0, brace), labels }
}

/** The node's measurements: a name that ends in _total is a counter, any other a gauge. */
function nodeFamilies(measurements: Measurements): MetricFamily[] {
  const families = new Map<string, MetricFamily>()
  for (const [text, value] of measurements) {
    const { name, labels } = splitName(text)
    const family = families.get(name) ?? {
      name: PREFIX + name,
      help: `${name.replaceAll('_', ' ')}, of this node`,
      type: name.endsWith('_total') ? 'counter' : 'gauge',
      values: [],
    }
    family.values.push({ labels, value })
    families.set(name, family)
  }
  return [...families.values()]
}

function histogramSamples(name: string, { operation, counts, sumSeconds }: OperationHistogram): Sample[] {
  let count = 0
  const samples: Sample[] = counts.map((inBucket, index) => {
    count += inBucket
    const le = BUCKETS_SECONDS[index] ?? '+Inf'
    return { labels: { le, operation }, value: count, metricName: `${name}_bucket` }
  })
  samples.push({ labels: { operation }, value: sumSeconds, metricName: `${name}_sum` })
  samples.push({ labels: { operation }, value: count, metricName: `${name}_count` })
  return samples
}

function httpFamilies(measurements: HttpMeasurements): MetricFamily[] {
  const durations = `${PREFIX}http_request_duration_seconds`
  return [
    {
      name: durations,
      help: 'Time from the head of a request to its answer, by operation',
      type: 'histogram',
      values: measurements.histograms().flatMap((histogram) => histogramSamples(durations, histogram)),
    },
    {
      name: `${PREFIX}http_requests_total`,
      help: 'Answered requests, by operation and status',
      type: 'counter',
      values: measurements.statuses().map(({ operation, status, requests }) => ({
        labels: { operation, status },
        value: requests,
      })),
    },
    {
      name: `${PREFIX}http_malformed_total`,
      help: 'Requests that the HTTP parser refused, or that did not arrive in time',
      type: 'counter',
      values: [{ labels: {}, value: measurements.malformed }],
    },
  ]
}

function gauge(name: string, help: string, value: number, labels: Labels = {}): MetricFamily {
  return { name, help, type: 'gauge', values: [{ labels, value }] }
}

/** The process, under the names that Prometheus' client libraries have agreed on. */
function processFamilies(edge: Edge): MetricFamily[] {
  const { user, system } = process.cpuUsage()
  const memory = process.memoryUsage()
  const cpu = 'process_cpu_seconds_total'
  return [
    {
      name: cpu,
      help: 'CPU time of the process',
      type: 'counter',
      values: [{ labels: {}, value: (user + system) / 1e6 }],
    },
    gauge('process_resident_memory_bytes', 'Resident memory', memory.rss),
    gauge('nodejs_heap_size_used_bytes', 'Used JavaScript heap', memory.heapUsed),
    gauge('nodejs_external_memory_bytes', 'Memory of buffers and native objects', memory.external),
    gauge(`${PREFIX}http_requests_in_flight`, 'Requests under way', edge.inFlight),
    gauge(
      `${PREFIX}http_connections_waiting`,
      'New connections left unread while requests are held back',
      edge.waitingConnections,
    ),
    gauge(
      `${PREFIX}http_request_bytes_in_flight`,
      'Bytes of bodies held for requests under way',
      edge.requestBytes,
    ),
    gauge(
      `${PREFIX}http_response_bytes_in_flight`,
      'Bytes of large answers not yet taken',
      edge.responseBytes,
    ),
    gauge(`${PREFIX}node_info`, 'Name and version of this node', 1, {
      name: edge.nodeName,
      version: edge.version,
    }),
  ]
}

/** All metrics in Prometheus' text form. */
async function metricsText(edge: Edge): Promise<{ text: string; contentType: string }> {
  const { Registry } = await import('prom-client')
  const registry = new Registry()
  const families = [
    ...processFamilies(edge),
    ...httpFamilies(edge.measurements),
    ...nodeFamilies(edge.database.measurements()),
  ]
  for (const family of families) {
    // A registry asks its metrics for name, help, type and values, and nothing else.
    const metric = { name: family.name, get: () => family }
    registry.registerMetric(metric as unknown as Parameters<typeof registry.registerMetric>[0])
  }
  return { text: await registry.metrics(), contentType: registry.contentType }
}

export function showMetrics(exchange: Exchange): void {
  parseQuery(exchange.target, [])
  refuseBody(exchange)
  metricsText(exchange.edge).then(
    ({ text, contentType }) =>
      exchange.attempt(() =>
        exchange.send(
          200,
          ['Content-Type', contentType, 'Cache-Control', 'no-store', 'X-Content-Type-Options', 'nosniff'],
          text,
        ),
      ),
    (error: unknown) => exchange.failWith(error),
  )
}
