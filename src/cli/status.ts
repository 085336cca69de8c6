import { ask } from './ask.js'
import { type Move, moveLines } from './moving.js'
import { json } from './refusal.js'
import type { Invocation } from './resolve.js'
import { printJson, printLine, table } from './terminal.js'

interface Member {
  readonly id: string
  readonly name: string
  readonly address: string
  readonly zone: string
  readonly weight: number
  readonly status: string
  readonly liveness: string
  readonly incomplete: boolean
  readonly replacedBy?: string
  readonly speaks?: { readonly wire: readonly [number, number]; readonly storage: readonly [number, number] }
}

interface Cluster {
  readonly self: string
  readonly n: number
  readonly r: number
  readonly w: number
  readonly q: number
  readonly members: readonly Member[]
  readonly pendingHints: number
  readonly tombstones: number
  readonly reapingStoppedBy: readonly { readonly name: string; readonly reason: string }[]
  readonly transfers: number
  readonly toHandOver?: number
  readonly move?: Move | null
  readonly versions?: { readonly wire: number; readonly storage: number }
  readonly refused?: readonly { readonly reason: string }[]
}

interface Ring {
  readonly members: readonly { readonly id: string }[]
  /** For each partition, its owners as indices into members. */
  readonly partitions: readonly (readonly number[])[]
}

/** `rotunda status`: the members as one node sees them. */
export async function status({ settings }: Invocation): Promise<number> {
  const { url, timeout: timeoutMs } = settings
  const answers = await Promise.all([
    ask(url, { method: 'GET', path: '/v1/cluster', timeoutMs }),
    ask(url, { method: 'GET', path: '/v1/cluster/ring', timeoutMs }),
  ])
  const cluster = json<Cluster>(answers[0], url, ['members', 'q'])
  if (settings.json) await printJson(cluster)
  else
    await printLine(statusText(cluster, copiesOwned(json<Ring>(answers[1], url, ['members', 'partitions']))))
  return 0
}

/** For each member's id the number of partitions that it holds a copy of. */
function copiesOwned({ members, partitions }: Ring): Map<string, number> {
  const counts = members.map(() => 0)
  for (const ofPartition of partitions) for (const index of ofPartition) counts[index]!++
  return new Map(members.map(({ id }, index) => [id, counts[index]!]))
}

function statusText(cluster: Cluster, owned: ReadonlyMap<string, number>): string {
  const { members, n, r, w, q, self, pendingHints, transfers, tombstones, reapingStoppedBy } = cluster
  const asked = members.find(({ id }) => id === self)
  const byName = [...members].sort((one, other) => (one.name < other.name ? -1 : 1))
  const rows = byName.map((member) => [
    member.name,
    member.address,
    member.zone,
    member.weight,
    member.replacedBy === undefined ? member.status : `replaced by ${member.replacedBy}`,
    condition(member),
    owned.get(member.id) ?? 0,
  ])
  const settings = `N ${n}, R ${r}, W ${w}, ${q} partitions${inUse(cluster)}`
  const work = [
    pendingHints > 0 && `${pendingHints} hints waiting`,
    ...(cluster.move == null ? [] : moveLines(cluster.move)),
    transfers > 0 && `${asked?.name ?? 'this node'} has ${cluster.toHandOver ?? 0} to hand over`,
    // A node of an earlier build says nothing of them.
    reapingStoppedBy?.length > 0 &&
      `${tombstones} tombstones stay until they answer: ${reapingStoppedBy.map(({ name, reason }) => `${name} (${reason})`).join(', ')}`,
  ]
  // Nodes of earlier builds say nothing of them.
  const refused = (cluster.refused ?? []).map(({ reason }) => `refused: ${reason}`)
  const lines = [
    `${members.length === 1 ? '1 member' : `${members.length} members`} as ${asked?.name ?? 'this node'} sees them; ${settings}`,
    ...work.filter((each) => each !== false),
    ...heldBack(cluster),
    ...refused,
    '',
    table(['NAME', 'ADDRESS', 'ZONE', 'WEIGHT', 'STATUS', 'LIVENESS', 'PARTITIONS'], rows),
  ]
  return lines.join('\n')
}

function inUse({ versions }: Cluster): string {
  return versions === undefined ? '' : `, wire ${versions.wire}, storage ${versions.storage}`
}

/** Because of whom the members do not use what others of them speak already. */
function heldBack({ members, versions }: Cluster): string[] {
  if (versions === undefined) return []
  // A machine that has not come yet has no address, and has said nothing.
  const present = members.filter(({ status, address }) => status !== 'removed' && address !== '')
  const wait = (what: 'wire' | 'storage') => {
    const highest = (member: Member) => member.speaks?.[what][1] ?? 1
    const best = Math.max(...present.map(highest))
    const behind = present.filter((member) => highest(member) < best).map(({ name }) => name)
    if (behind.length === 0) return []
    const verb = behind.length === 1 ? 'speaks' : 'speak'
    return [`${what} version ${best} waits for ${behind.join(', ')}, who ${verb} ${versions[what]} at most`]
  }
  return [...wait('wire'), ...wait('storage')]
}

function condition({ liveness, incomplete }: Member): string {
  const word = liveness === 'self' ? 'up' : liveness
  return incomplete ? `${word}, rebuilding` : word
}
