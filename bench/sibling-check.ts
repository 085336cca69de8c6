/** After blind puts: does a key show as many versions as were put? Asked of a sample, at different nodes. */
import { BLIND_BUCKET } from './load/blind-workload.js'
import { keyName } from './load/requests.js'

const SAMPLE = 24

/** What is wrong with the first key that is, in words; undefined when all are right. */
export async function wrongSiblings(
  ports: readonly number[],
  keys: readonly number[],
  siblings: number,
): Promise<string | undefined> {
  const step = Math.max(1, Math.floor(keys.length / SAMPLE))
  for (let i = 0; i < keys.length; i += step) {
    const url = `http://127.0.0.1:${ports[i % ports.length]}/v1/kv/${BLIND_BUCKET}/${keyName(keys[i]!)}?versions=true`
    const answer = await fetch(url, { headers: { accept: 'application/json' } })
    const body = (await answer.json()) as { versions?: { value: string }[] }
    const found = new Set(body.versions?.map(({ value }) => value)).size
    if (found !== siblings)
      return `key ${keys[i]} shows ${found} versions after ${siblings} blind puts (${answer.status})`
  }
  return undefined
}
