/** What tests of storage put into a cluster, look for again, and find on a node's disk. */
import { readdirSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { http, kv } from './http.js'
import type { TestNode } from './test-node.js'

export const BUCKET = 'stored'
const VALUE = 'v'.repeat(300)

export function keysOf(name: string, count: number): string[] {
  return Array.from({ length: count }, (_, index) => `${name}-${index}`)
}

export async function putAll(node: TestNode, keys: readonly string[]): Promise<void> {
  for (const key of keys) {
    const { status, body } = await http('PUT', kv(node.url, BUCKET, key), { body: `${key} ${VALUE}` })
    if (status !== 204) throw new Error(`PUT ${key}: ${status} ${body}`)
  }
}

/** What does not read as it was written, through this node. */
export async function wrong(node: TestNode, keys: readonly string[]): Promise<string[]> {
  const found: string[] = []
  for (const key of keys) {
    const { status, body } = await http('GET', kv(node.url, BUCKET, key))
    if (status !== 200 || body.toString() !== `${key} ${VALUE}`) found.push(`${key}: ${status}`)
  }
  return found
}

/** The largest file of its database with such a name. */
export function fileOf(node: TestNode, name: RegExp): string {
  const rows = join(node.setup.directory, 'rows')
  const paths = readdirSync(rows)
    .filter((each) => name.test(each))
    .map((each) => join(rows, each))
  return paths.sort((one, other) => statSync(other).size - statSync(one).size)[0]!
}
