import type { Exchange } from './exchange.js'
import { sendJson } from './json.js'
export function openapiDocument(version: string): unknown {
  return { openapi: '3.1.0', info: { title: 'Rotunda', version }, paths: {} }
}
export function showOpenapi(exchange: Exchange): void {
  sendJson(exchange, openapiDocument(exchange.edge.version))
}
