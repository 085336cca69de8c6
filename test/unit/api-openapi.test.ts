import { Validator } from '@seriousme/openapi-schema-validator'
import test from 'ava'
import { openapiDocument } from '../../src/api/openapi.js'
import { ROUTES } from '../../src/api/routes.js'
import { DELETE_PARAMETERS, GET_PARAMETERS, PUT_PARAMETERS } from '../../src/api/values.js'
import { ERRORS } from '../../src/errors.js'
import { HttpEdge } from '../model/http-edge.js'

interface Operation {
  readonly parameters?: { readonly $ref: string }[]
  readonly responses: Record<string, { readonly description: string }>
}

interface OpenApi {
  readonly paths: Record<string, Record<string, Operation>>
  readonly components: { readonly parameters: Record<string, { readonly name: string; readonly in: string }> }
}

const openapi = openapiDocument('1.2.3') as unknown as OpenApi

function queryParameters(path: string, method: string): string[] {
  const references = openapi.paths[path]?.[method]?.parameters ?? []
  return references
    .map(({ $ref }) => openapi.components.parameters[$ref.slice('#/components/parameters/'.length)])
    .filter((parameter) => parameter?.in === 'query')
    .map((parameter) => parameter!.name)
    .sort()
}

test('the document is valid OpenAPI 3.1', async (t) => {
  const { valid, errors } = await new Validator().validate(openapiDocument('1.2.3'))
  t.true(valid, JSON.stringify(errors))
})

test('every reference leads somewhere, and every component is used', (t) => {
  const text = JSON.stringify(openapi)
  const used = new Set(
    [...text.matchAll(/"\$ref":"#\/components\/([a-z]+\/[A-Za-z0-9]+)"/g)].map((match) => match[1]),
  )
  const { components } = openapi as unknown as { components: Record<string, Record<string, unknown>> }
  const there = Object.entries(components).flatMap(([kind, names]) =>
    Object.keys(names).map((name) => `${kind}/${name}`),
  )
  t.deepEqual([...used].sort(), there.sort())
})

test('each registered route is in the document, and each operation of the document is registered', (t) => {
  const registered = new HttpEdge().api.routes.map(({ method, path }) => `${method} ${path}`)
  const documented = Object.entries(openapi.paths).flatMap(([path, operations]) =>
    Object.keys(operations).map((method) => `${method.toUpperCase()} ${path}`),
  )
  t.deepEqual([...registered].sort(), documented.sort())
  t.is(registered.length, ROUTES.length)
})

test('the query parameters of each value operation are those that it takes', (t) => {
  for (const path of ['/v1/kv/{bucket}/{key}', '/v1/kv64/{bucket}/{key}']) {
    t.deepEqual(queryParameters(path, 'get'), [...GET_PARAMETERS].sort())
    t.deepEqual(queryParameters(path, 'head'), [...GET_PARAMETERS].sort())
    t.deepEqual(queryParameters(path, 'put'), [...PUT_PARAMETERS].sort())
    t.deepEqual(queryParameters(path, 'delete'), [...DELETE_PARAMETERS].sort())
  }
})

test('every error of the table is an answer of some operation, but for those that wait for credentials', (t) => {
  const described = Object.values(openapi.paths)
    .flatMap((operations) => Object.values(operations))
    .flatMap(({ responses }) => Object.entries(responses))
  for (const [code, { status }] of Object.entries(ERRORS)) {
    const found = described.some(
      ([of, { description }]) => of === String(status) && description.includes(`\`${code}\``),
    )
    t.is(found, code !== 'UNAUTHENTICATED' && code !== 'FORBIDDEN', code)
  }
})
