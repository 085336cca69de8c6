/** Answers in JSON about the cluster and its keys; values have answer-versions.ts. */
import type { Exchange, HeaderList } from './exchange.js'

const OK = 200

export function jsonHeaders(): HeaderList {
  return [
    'Content-Type',
    'application/json',
    'Cache-Control',
    'no-store',
    'X-Content-Type-Options',
    'nosniff',
  ]
}

export function sendJson(exchange: Exchange, content: unknown): void {
  exchange.send(OK, jsonHeaders(), JSON.stringify(content))
}
