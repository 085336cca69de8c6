/** The OpenAPI document of the HTTP edge, served at /openapi.json. A test holds it against the registered routes, both ways. */
import type { Exchange } from './exchange.js'
import { sendJson } from './json.js'
import { headers, parameters, schemas } from './openapi-components.js'
import { paths } from './openapi-paths.js'
import { parseQuery } from './query.js'
import { refuseBody } from './values.js'

const DESCRIPTION = `A key-value store that takes every write and shows conflicts instead of losing them.

Read a key, keep its Rotunda-Context, and send that with the next write: the write then replaces what was read. Writes that did not see each
other become siblings, and a read answers 300 with all of them.

Every error is JSON of one form; its code says what happened. Unknown query parameters are a 400 and never ignored, unknown paths a 404,
known paths with another method a 405.`

/** The whole document, for this version of the software. */
export function openapiDocument(version: string): Record<string, unknown> {
  return {
    openapi: '3.1.0',
    info: {
      title: 'Rotunda',
      version,
      description: DESCRIPTION,
      license: { name: 'MIT', identifier: 'MIT' },
    },
    servers: [{ url: '/' }],
    paths,
    components: { parameters, headers, schemas },
  }
}

export function showOpenapi(exchange: Exchange): void {
  parseQuery(exchange.target, [])
  refuseBody(exchange)
  sendJson(exchange, openapiDocument(exchange.edge.version))
}
