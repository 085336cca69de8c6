import { ask } from './ask.js'
import { json } from './refusal.js'
import type { Invocation } from './resolve.js'
import { printJson, printLine, table } from './terminal.js'

interface Ring {
  readonly q: number
  readonly ringDigest: string
  readonly members: readonly { readonly name: string }[]
  /** For each partition, indices into members. */
  readonly partitions: readonly (readonly number[])[]
}

/** `rotunda ring`: the owners of each partition, in order; neighbours with the same owners in one line. */
export async function ring({ settings }: Invocation): Promise<number> {
  const { url, timeout: timeoutMs } = settings
  const answer = await ask(url, { method: 'GET', path: '/v1/cluster/ring', timeoutMs })
  const content = json<Ring>(answer, url, ['members', 'partitions'])
  if (settings.json) await printJson(content)
  else await printLine(ringText(content))
  return 0
}

function ringText({ q, ringDigest, members, partitions }: Ring): string {
  const names = partitions.map((indices) => indices.map((index) => members[index]?.name ?? '?').join(' '))
  const rows: [string, string][] = []
  let first = 0
  for (let partition = 1; partition <= names.length; partition++) {
    if (names[partition] === names[first]) continue
    rows.push([first === partition - 1 ? `${first}` : `${first}–${partition - 1}`, names[first]!])
    first = partition
  }
  return `${q} partitions on ${members.length} members, ring ${ringDigest}\n\n${table(['PARTITIONS', 'OWNERS'], rows)}`
}
