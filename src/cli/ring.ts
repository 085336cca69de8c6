import { ask } from './ask.js'
import { json } from './refusal.js'
import type { Invocation } from './resolve.js'
import { printJson, printLine, wrapped } from './terminal.js'

interface Ring {
  readonly q: number
  readonly ringDigest: string
  readonly members: readonly { readonly name: string }[]
  /** For each partition, its owners in order, as indices into members. */
  readonly partitions: readonly (readonly number[])[]
}

/** `rotunda ring`: which nodes own which partitions. */
export async function ring({ settings }: Invocation): Promise<number> {
  const { url, timeout: timeoutMs } = settings
  const answer = await ask(url, { method: 'GET', path: '/v1/cluster/ring', timeoutMs })
  const content = json<Ring>(answer, url, ['members', 'partitions'])
  if (settings.json) await printJson(content)
  else await printLine(ringText(content))
  return 0
}

/** A paragraph for each list of owners: its partitions. */
function ringText({ q, ringDigest, members, partitions }: Ring): string {
  const byOwners = new Map<string, number[]>()
  for (const [partition, indices] of partitions.entries()) {
    const owners = indices.map((index) => members[index]?.name ?? '?').join(' ')
    const theirs = byOwners.get(owners)
    if (theirs === undefined) byOwners.set(owners, [partition])
    else theirs.push(partition)
  }
  const paragraphs = [...byOwners]
    .sort(([one], [other]) => (one < other ? -1 : 1))
    .map(([owners, theirs]) => `${owners}  (${theirs.length})\n${wrapped(ranges(theirs), '  ')}`)
  return `${q} partitions on ${members.length} members, owners in order; ring ${ringDigest}\n\n${paragraphs.join('\n')}`
}

/** 0, 1, 2, 5 as `0–2 5`. */
function ranges(ascending: readonly number[]): string {
  const words: string[] = []
  for (let index = 0; index < ascending.length; index++) {
    const first = ascending[index]!
    while (ascending[index + 1] === ascending[index]! + 1) index++
    const last = ascending[index]!
    words.push(first === last ? `${first}` : `${first}–${last}`)
  }
  return words.join(' ')
}
