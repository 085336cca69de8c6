/**
 * Reads a range of hashes from a cluster under load, a chunk at a time, as a coordinator reads a key: what R complete owners of one table hold, joined, and more where more of them
 * answer. So every write that was acknowledged before is in it.
 *
 *     kept     from every member: what it keeps for owners that are away. First, for once it is handed over it is with the owners, who are read afterwards
 *     rows     from one owner, whole: they say how far the chunk reaches
 *     digests  from the others; who differs is asked for its rows, too
 *
 * All pages of a chunk must have been read under the ring that the owners were taken from; else the chunk is read again under the newer one.
 */
import { setTimeout as sleep } from 'node:timers/promises'
import { digestOf, mergeObjects, mergeObjectsBound } from '../../kernel/index.js'
import { quorum } from '../../protocol/coordinator/quorum.js'
import { type CopiedPage, type CopiedRow, decodePage } from '../../wire/copied-rows.js'
import { Fault } from '../ask.js'
import type { Member, Members, RingSeen } from './members.js'

const PAGE_MS = 20_000
const TRIES = 60
const AGAIN_MS = 500
const NOTHING = new Uint8Array(0)
const HASH_BITS = 16

/** Row keys from one, included, to another, excluded; an empty `to` is the end. */
interface Range {
  readonly from: Uint8Array
  readonly to: Uint8Array
}

interface Chunk extends Range {
  readonly rows: readonly CopiedRow[]
}

/** All that one member shows of a range. */
interface Shown {
  readonly rows: readonly CopiedRow[]
  readonly incomplete: boolean
}

/** The chunk cannot be read as things are now; in a while it may be. */
class NotNow extends Error {}

export class RangeSource {
  /** Names of members that could not be asked for something. */
  readonly absent = new Set<string>()
  readonly #members: Members
  #ring: RingSeen
  #turn = 0

  constructor(members: Members, ring: RingSeen) {
    this.#members = members
    this.#ring = ring
  }

  /** All rows whose keys begin with this byte, in order. */
  async *read(first: number): AsyncGenerator<readonly CopiedRow[]> {
    const end = first === 0xff ? NOTHING : Uint8Array.of(first + 1, 0)
    let from: Uint8Array = Uint8Array.of(first, 0)
    while (from.length > 0 && !isAtEnd(from, end)) {
      const chunk = await this.#chunk(from, end)
      if (chunk.rows.length > 0) yield chunk.rows
      from = chunk.to
    }
  }

  async #chunk(from: Uint8Array, end: Uint8Array): Promise<Chunk> {
    let why = ''
    for (let tries = 0; tries < TRIES; tries++) {
      try {
        return await this.#attempt(from, end)
      } catch (error) {
        if (!(error instanceof NotNow)) throw error
        why = error.message
      }
      if (tries > 0) await sleep(AGAIN_MS)
      this.#ring = await this.#members.ring()
    }
    throw new Fault(
      `the rows from ${Buffer.from(from.subarray(0, 2)).toString('hex')} on cannot be read: ${why}`,
    )
  }

  async #attempt(from: Uint8Array, end: Uint8Array): Promise<Chunk> {
    const ring = this.#ring
    const partition = partitionOf(from, ring.q)
    const whole = { from, to: earlier(endOfPartition(partition, ring.q), end) }
    const kept = await this.#kept(whole)
    const owners = this.#ownersOf(ring, partition)
    const first = await this.#firstPage(owners, { from, to: kept.to }, ring)
    const { to } = first
    const others = owners.filter((owner) => owner !== first.owner)
    const shown = await Promise.all(
      others.map((owner) => this.#compared(owner, { from, to }, ring, first.page)),
    )
    const complete = shown.filter((one) => one !== undefined && !one.incomplete).length
    const needed = quorum(ring.owners[partition]!.length)
    const got = complete + (first.page.incomplete ? 0 : 1)
    if (got < needed) throw new NotNow(`${got} of their owners can be read, and ${needed} are needed`)
    const further = [...shown.flatMap((one) => one?.rows ?? []), ...kept.rows.filter(isBefore(to))]
    return { from, to, rows: further.length === 0 ? first.page.rows : joined(first.page.rows, further) }
  }

  /** Another one begins each time: the rows themselves come from all of them in turn. */
  #ownersOf({ owners }: RingSeen, partition: number): Member[] {
    const ids = owners[partition]!
    this.#turn++
    return ids.flatMap((_, index) => this.#members.member(ids[(index + this.#turn) % ids.length]!) ?? [])
  }

  /** What is kept for others, as far as all could show it. */
  async #kept({ from, to }: Range): Promise<Chunk> {
    const pages = await Promise.all(
      this.#members.all.map((member) => this.#soundPage(member, 'kept', { from, to })),
    )
    const ends = pages.flatMap((page) => (page === undefined || page.next.length === 0 ? [] : [page.next]))
    const reach = ends.reduce(earlier, to)
    return { from, to: reach, rows: pages.flatMap((page) => page?.rows ?? []).filter(isBefore(reach)) }
  }

  /** Records that are just being written cannot be read for a moment; damaged ones never can. */
  async #soundPage(member: Member, of: string, range: Range): Promise<CopiedPage | undefined> {
    const page = await this.#page(member, of, range)
    if (page?.incomplete !== true) return page
    await sleep(AGAIN_MS)
    const again = await this.#page(member, of, range)
    if (again?.incomplete === true) this.absent.add(member.name)
    return again
  }

  async #firstPage(owners: readonly Member[], range: Range, ring: RingSeen) {
    for (const owner of owners) {
      const page = await this.#page(owner, 'rows', range)
      if (page === undefined) continue
      if (page.ring !== ring.digest) throw new NotNow('the table of owners keeps changing')
      return { owner, page, to: page.next.length === 0 ? range.to : page.next }
    }
    throw new NotNow('none of their owners can be reached')
  }

  /** What another owner holds that differs from the first one's rows; undefined: it is away. */
  async #compared(
    owner: Member,
    range: Range,
    ring: RingSeen,
    first: CopiedPage,
  ): Promise<Shown | undefined> {
    const digests = await this.#pages(owner, 'digests', range, ring)
    if (digests === undefined || isAlike(first.rows, digests.rows)) return digests && { ...digests, rows: [] }
    return this.#pages(owner, 'rows', range, ring)
  }

  async #pages(owner: Member, of: string, { from, to }: Range, ring: RingSeen): Promise<Shown | undefined> {
    const rows: CopiedRow[] = []
    let incomplete = false
    let at = from
    for (;;) {
      const page = await this.#page(owner, of, { from: at, to })
      if (page === undefined) return undefined
      if (page.ring !== ring.digest) throw new NotNow('the table of owners keeps changing')
      for (const row of page.rows) rows.push(row)
      incomplete ||= page.incomplete
      if (page.next.length === 0) return { rows, incomplete }
      at = page.next
    }
  }

  async #page(member: Member, of: string, { from, to }: Range): Promise<CopiedPage | undefined> {
    const answer = await this.#members.ask(member, {
      method: 'GET',
      path: '/v1/cluster/backup',
      query: { of, from: hex(from), to: to.length === 0 ? undefined : hex(to), timeout: String(PAGE_MS) },
      timeoutMs: PAGE_MS,
    })
    if (answer !== undefined) return decodePage(answer.body)
    this.absent.add(member.name)
    return undefined
  }
}

function isAlike(rows: readonly CopiedRow[], digests: readonly CopiedRow[]): boolean {
  return (
    rows.length === digests.length &&
    rows.every(({ rowKey, object }, index) => {
      const other = digests[index]!
      return (
        Buffer.compare(rowKey, other.rowKey) === 0 && Buffer.compare(digestOf(object), other.object) === 0
      )
    })
  )
}

/** One row for each key, in order. */
function joined(rows: readonly CopiedRow[], further: readonly CopiedRow[]): CopiedRow[] {
  const found = new Map<string, CopiedRow>()
  for (const row of [...rows, ...further]) {
    const name = Buffer.from(row.rowKey).toString('latin1')
    const known = found.get(name)
    found.set(name, known === undefined ? row : { ...row, object: join(known.object, row.object) })
  }
  return [...found.values()].sort((one, other) => Buffer.compare(one.rowKey, other.rowKey))
}

function join(one: Uint8Array, other: Uint8Array): Uint8Array {
  const bytes = Buffer.allocUnsafe(mergeObjectsBound(one, other))
  const length = mergeObjects(one, other, bytes)
  if (length <= 0) throw new NotNow('an owner showed a damaged object')
  return bytes.subarray(0, length)
}

function partitionOf(rowKey: Uint8Array, q: number): number {
  return ((rowKey[0]! << 8) | rowKey[1]!) >>> (HASH_BITS - Math.log2(q))
}

/** Empty: it is the last one. */
function endOfPartition(partition: number, q: number): Uint8Array {
  const start = (partition + 1) << (HASH_BITS - Math.log2(q))
  return partition + 1 === q ? NOTHING : Uint8Array.of(start >>> 8, start & 255)
}

function earlier(one: Uint8Array, other: Uint8Array): Uint8Array {
  if (one.length === 0) return other
  return other.length === 0 || Buffer.compare(one, other) <= 0 ? one : other
}

function isAtEnd(from: Uint8Array, end: Uint8Array): boolean {
  return end.length > 0 && Buffer.compare(from, end) >= 0
}

function isBefore(to: Uint8Array): (row: CopiedRow) => boolean {
  return ({ rowKey }) => to.length === 0 || Buffer.compare(rowKey, to) < 0
}

function hex(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('hex')
}
