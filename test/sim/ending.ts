/** The last three acts of a simulation: all faults end, the cluster must serve and converge, and what is left is judged. */

import type { Archivist } from './archivist.js'
import { BUCKET, Caller, type ClientWorld } from './caller.js'
import { FinalCheck, type FinalRow, partitionOfKey } from './check/final-check.js'
import { rowNameOf } from './check/row-book.js'
import { treeFault } from './check/tree-check.js'
import { fallbackKey, hintOf, rowKeyOfFallback } from './fallback-reader.js'
import { FinalDeletes } from './final-deletes.js'
import { FinalRestores } from './final-restores.js'
import type { SimHost } from './host.js'
import { KNOWS_NOTHING, operationOf, valueBytesOf, type WriteEntry } from './ledger.js'
import { spareActors } from './object-reader.js'
import type { Prng } from './prng.js'
import { readFully } from './read-fully.js'

/** By when, after everything is healed, each step must have come about. */
const WHOLE_MS = 180_000
const SERVE_MS = 60_000
const ROUND_MS = 30_000
const ROUNDS = 6
const CONVERGE_MS = 120_000
const TREES_MS = 60_000
const REAP_MS = 60_000
/** Long enough for every pair to compare again. */
const QUIET_MS = 25_000

export type RunUntil = (untilMs: number, done: () => boolean) => boolean

export class Ending {
  readonly #parts: ClientWorld
  readonly #prng: Prng
  readonly #runUntil: RunUntil
  readonly #caller: Caller
  readonly #final: FinalCheck
  readonly #deletes: FinalDeletes
  readonly #archivist: Archivist

  constructor(parts: ClientWorld, prng: Prng, archivist: Archivist, runUntil: RunUntil) {
    this.#parts = parts
    this.#prng = prng
    this.#archivist = archivist
    this.#runUntil = runUntil
    this.#caller = new Caller(parts, prng.split('ways'))
    this.#deletes = new FinalDeletes(parts, prng.split('deletes'), this.#caller)
    this.#final = new FinalCheck(parts.ledger, parts.book, parts.violations)
  }

  run(): void {
    this.#heal()
    const steps = [
      () => this.#becomeWhole(),
      () => this.#serve(),
      () => this.#handOver(),
      () => this.#convergeByThemselves(),
      () => this.#readAlike(),
      () => this.#letGo(),
      () => this.#restore(),
      () => this.#shed(),
      () => this.#treesAreRight(),
      () => this.#agree(),
      () => this.#list(),
    ]
    if (steps.every((step) => step() && !this.#parts.violations.any)) this.#judge()
  }

  #heal(): void {
    const { world } = this.#parts
    world.timeline.trace.act(world.timeline.nowMs, 'all faults end')
    world.fabric.calm()
    world.faultsAreOver()
    // What has gone bad under a cached row is noticed when it is read again: with a cold cache.
    for (const host of world.hosts) if (host.disk.damaged.size > 0) host.crash(false)
    world.heal(this.#prng)
  }

  #becomeWhole(): boolean {
    const { world, violations } = this.#parts
    if (this.#within(WHOLE_MS, () => world.isWhole())) return true
    if (!violations.any) violations.add('A4', `${WHOLE_MS} ms after all faults ended ${world.complaint()}`)
    return false
  }

  /** Every key takes a write at the quorum, through some node. */
  #serve(): boolean {
    const waiting = new Set(this.#parts.ledger.keys.keys())
    for (const key of waiting) this.#write(key, waiting, '')
    if (this.#within(SERVE_MS, () => waiting.size === 0)) return true
    this.#notServed(`keys ${[...waiting].join(', ')} take no write`, SERVE_MS)
    return false
  }

  #notServed(what: string, afterMs: number): void {
    if (!this.#parts.violations.any)
      this.#parts.violations.add('A5', `${afterMs} ms after the cluster was whole, ${what}`)
  }

  #write(key: string, waiting: Set<string>, _reason: string): void {
    const { ledger, world, check } = this.#parts
    const w = Math.floor(world.n / 2) + 1
    const entry: WriteEntry = ledger.begin(
      key,
      { kind: 'put', sweeping: false, w, valueBytes: 24, sloppy: false },
      KNOWS_NOTHING,
    )
    const begunAtMs = world.timeline.nowMs
    const fields = {
      key,
      tombstone: false,
      context: undefined,
      value: valueBytesOf(entry.id, 1, 24),
      attributes: new Uint8Array(0),
      operation: operationOf(entry.id),
      w,
      sloppy: false,
      preferred: '',
      returnObject: false,
    }
    const retry = (): void => {
      ledger.end(entry, 'unknown')
      world.timeline.after(500, 'final write', () => this.#write(key, waiting, 'again'))
    }
    this.#caller.write(this.#prng.pick(world.hosts), fields, {
      timeoutMs: 5_000,
      answered: (outcome) => {
        // A key with as many siblings as it may have serves as it should by saying so.
        if (outcome.status === 'error' && outcome.code !== 'TOO_MANY_SIBLINGS') return retry()
        ledger.end(entry, outcome.status === 'ok' ? 'acked' : 'refused')
        if (outcome.status === 'ok') check.acknowledged(entry, begunAtMs)
        waiting.delete(key)
      },
      silence: retry,
    })
  }

  /** Every hint finds its way: all targets are there. One whose record has gone bad on the disk cannot. */
  #handOver(): boolean {
    const { world, violations } = this.#parts
    const left = (): string[] =>
      world.hosts.flatMap(({ name, disk }) =>
        disk
          .keys()
          .filter((key) => {
            const rowKey = hintOf(key)?.rowKey ?? rowKeyOfFallback(key)
            return rowKey !== undefined && !disk.damaged.has(key) && !disk.damaged.has(fallbackKey(rowKey))
          })
          .map(() => name),
      )
    if (this.#within(SERVE_MS, () => left().length === 0)) return true
    if (!violations.any)
      violations.add('A8', `${SERVE_MS} ms after the cluster was whole hints are left on ${left()}`)
    return false
  }

  /** Nobody reads, and all owners come to hold the same bytes: trees find what differs. */
  #convergeByThemselves(): boolean {
    const { ledger, violations, world } = this.#parts
    if (world.config.exchangeEveryMs === 0) return true
    const keys = [...ledger.keys.keys()]
    if (this.#within(CONVERGE_MS, () => this.#differences(keys).next().done === true)) return true
    if (violations.any) return false
    for (const difference of this.#differences(keys))
      violations.add('A4', `${CONVERGE_MS} ms after the last write, and without a read, ${difference}`)
    return false
  }

  /** Reads every key at r=all, each round through other nodes, until all owners hold the same bytes. */
  #readAlike(): boolean {
    const { ledger, violations } = this.#parts
    const keys = [...ledger.keys.keys()]
    for (let round = 1; round <= ROUNDS; round += 1) {
      const waiting = new Set(keys)
      for (const key of keys) this.#readAll(key, waiting)
      if (!this.#within(SERVE_MS, () => waiting.size === 0)) {
        this.#notServed(`keys ${[...waiting].join(', ')} cannot be read at r=all`, SERVE_MS)
        return false
      }
      if (this.#within(ROUND_MS, () => this.#differences(keys).next().done === true)) return true
      if (violations.any) return false
    }
    for (const difference of this.#differences(keys))
      violations.add('A4', `after ${ROUNDS} rounds of reads at r=all, ${difference}`)
    return false
  }

  /** What is deleted leaves no tombstone for long: every other key goes, and with it its rows. */
  #letGo(): boolean {
    const { ledger, violations, world } = this.#parts
    if (world.config.reapEveryMs === 0) return true
    const keys = [...ledger.keys.keys()].filter((_, index) => index % 2 === 0)
    const waiting = new Set(keys)
    for (const key of keys) this.#deletes.begin(key, () => waiting.delete(key))
    if (!this.#within(SERVE_MS, () => waiting.size === 0)) {
      this.#notServed(`keys ${[...waiting].join(', ')} cannot be deleted`, SERVE_MS)
      return false
    }
    // What has gone bad stops reaping; the deletes still have to reach everybody before trees are looked at.
    if (world.hosts.some(({ disk }) => disk.damaged.size > 0)) return this.#convergeByThemselves()
    const left = (): string[] =>
      world.hosts.flatMap((host) => {
        const rows = keys.filter((key) => rowOn(host, key) !== undefined)
        const counted = host.node?.measurements().get('tombstones') ?? 0
        return rows.length + counted > 0 ? [`${host.name}: ${rows.join(' ')} (it counts ${counted})`] : []
      })
    if (this.#within(REAP_MS, () => left().length === 0)) return true
    if (!violations.any)
      violations.add(
        'reaping',
        `${REAP_MS} ms after their delete tombstones are left on ${left().join('; ')}`,
      )
    return false
  }

  /** Backups come back, and nothing with them that was deleted meanwhile; then all are alike again. */
  #restore(): boolean {
    const { archives, histories } = this.#archivist
    if (archives.length === 0) return true
    const restores = new FinalRestores(this.#parts, this.#prng.split('restores'), histories)
    restores.begin(archives)
    if (this.#within(SERVE_MS, () => restores.left === 0)) return this.#readAlike()
    this.#notServed(`${restores.left} backups cannot be brought back`, SERVE_MS)
    return false
  }

  /** Clocks of keys that nobody touches come down to what their siblings need, and the few entries that are left alone (A11). */
  #shed(): boolean {
    const { ledger, violations, world, book } = this.#parts
    const { spareEntries, reapEveryMs } = world.config
    if (reapEveryMs === 0 || world.hosts.some(({ disk }) => disk.damaged.size > 0)) return true
    const crowded = (): string[] =>
      [...ledger.keys.keys()].flatMap((key) =>
        this.#rows(key).flatMap(({ node, row }) => {
          const spare = row === undefined ? 0 : spareActors(book.parse(row).object).length
          return spare > spareEntries ? [`${node} keeps ${spare} spare entries of ${key}`] : []
        }),
      )
    if (this.#within(REAP_MS, () => crowded().length === 0)) return true
    if (!violations.any) violations.add('A11', `after ${REAP_MS} ms at rest ${crowded().join('; ')}`)
    return false
  }

  *#differences(keys: readonly string[]): Generator<string> {
    for (const key of keys) {
      const difference = this.#final.difference(key, this.#rows(key))
      if (difference !== undefined) yield difference
    }
  }

  /** Every tree is what a scan gives, and comparing them once more repairs nothing (A14). */
  #treesAreRight(): boolean {
    const { world, violations, book } = this.#parts
    const faults = (): string[] =>
      world.hosts.filter(hasNoDamage).flatMap((host) => treeFault(host, book) ?? [])
    if (!this.#within(TREES_MS, () => faults().length === 0)) {
      if (!violations.any) for (const fault of faults()) violations.add('A4', fault)
      return false
    }
    if (!world.hosts.every(hasNoDamage)) return true
    // One that was begun before they were alike may still bring what it had found.
    const exchanging = (): number => sumOf(this.#measured('exchanges_in_flight').values())
    this.#within(TREES_MS, () => exchanging() === 0)
    const ring = this.#rings()
    const before = this.#measured('exchange_keys_repaired_total')
    this.#within(QUIET_MS, () => false)
    // A change that was asked for in the last moment was recorded only now: rows have gone to other owners.
    if (this.#rings() !== ring && !violations.any) return this.#treesAreRight()
    const after = this.#measured('exchange_keys_repaired_total')
    const haveRepaired = [...after].some(([host, count]) => count !== before.get(host))
    if (haveRepaired && !violations.any)
      violations.add('A14', 'an exchange sent rows, though all replicas were alike')
    return !violations.any
  }

  #rings(): string {
    return this.#parts.world.hosts.map((host) => host.node?.cluster().ringDigest ?? 'none').join(' ')
  }

  /** For each host, over all labels. */
  #measured(metric: string): Map<SimHost, number> {
    const counts = ({ node }: SimHost) =>
      [...(node?.measurements() ?? [])].flatMap(([name, count]) => (name.startsWith(metric) ? [count] : []))
    return new Map(this.#parts.world.hosts.map((host) => [host, sumOf(counts(host))]))
  }

  #readAll(key: string, waiting: Set<string>): void {
    const reader = { parts: this.#parts, prng: this.#prng, caller: this.#caller }
    readFully(reader, { key, event: 'final read', what: 'the final read' }, () => waiting.delete(key))
  }

  /** All nodes compute the same placement. */
  #agree(): boolean {
    const { violations } = this.#parts
    const same = (): boolean => new Set(this.#rings().split(' ')).size === 1
    if (this.#within(ROUND_MS, same)) return this.#isOfTheRightN()
    violations.add('A4', `the nodes have different rings: ${this.#rings()}`)
    return false
  }

  /** As many owners as were asked for last; where two N were recorded, the second may not have known of the first. */
  #isOfTheRightN(): boolean {
    const { world, violations } = this.#parts
    if (world.copiesRecorded.length === 0) return true
    const wanted = [...world.copiesRecorded, ...world.copiesInDoubt]
    const lists = world.hosts[0]?.node?.ring().owners ?? []
    const isWanted = wanted.some((n) => lists.every((owners) => owners.length === n))
    if (!isWanted)
      violations.add('A4', `keys have ${lists[0]?.length} owners, and N was to be ${wanted.join(' or ')}`)
    return isWanted
  }

  /** Through any node the listing shows the keys with a live version, page after page. */
  #list(): boolean {
    const { world, violations, ledger } = this.#parts
    const live = [...ledger.keys.keys()].filter((key) => this.#final.isLive(this.#rows(key))).sort()
    const waiting = new Set(this.#prng.shuffled(world.hosts).slice(0, 3))
    for (const host of waiting) {
      this.#page(host, undefined, [], (keys) => {
        waiting.delete(host)
        if (keys.join() !== live.join())
          violations.add('listing', `${host.name} lists [${keys}], and live are [${live}]`)
      })
    }
    if (this.#within(SERVE_MS, () => waiting.size === 0)) return true
    this.#notServed(`${[...waiting].map((host) => host.name)} cannot list the keys`, SERVE_MS)
    return false
  }

  #page(
    host: SimHost,
    after: Uint8Array | undefined,
    listed: readonly string[],
    done: (keys: readonly string[]) => void,
  ): void {
    const limit = this.#prng.whole(1, 4)
    const again = (): void => {
      this.#parts.world.timeline.after(300, 'final listing', () => this.#page(host, after, listed, done))
    }
    this.#caller.list(host, after, limit, {
      timeoutMs: 5_000,
      answered: (outcome) => {
        if (outcome.status === 'error') return again()
        const keys = [...listed, ...outcome.keys.map((key) => Buffer.from(key).toString('latin1'))]
        if (outcome.next === undefined) done(keys)
        else this.#page(host, Uint8Array.from(outcome.next), keys, done)
      },
      silence: again,
    })
  }

  #judge(): void {
    for (const key of this.#parts.ledger.keys.keys()) this.#final.key(key, this.#rows(key))
  }

  #rows(key: string): FinalRow[] {
    const { world } = this.#parts
    const ring = world.hosts[0]?.node?.ring()
    if (ring === undefined) return []
    const partition = partitionOfKey(BUCKET, key, ring.partitions)
    const owners = new Set((ring.owners[partition] ?? []).map((index) => ring.members[index]?.name))
    return world.hosts.map((host) => ({
      node: host.name,
      row: rowOn(host, key),
      owner: owners.has(host.name),
    }))
  }

  #within(ms: number, done: () => boolean): boolean {
    return this.#runUntil(this.#parts.world.timeline.nowMs + ms, done)
  }
}

/** No row of it has gone bad without being noticed. */
function hasNoDamage(host: SimHost): boolean {
  return ![...host.disk.damaged.keys()].some((name) => name.startsWith('d'))
}

function rowOn(host: SimHost, key: string): Uint8Array | undefined {
  const name = host.disk.keys().find((candidate) => rowNameOf(candidate)?.key === key)
  if (name === undefined || host.disk.damaged.has(name)) return undefined
  return host.disk.get(name)
}

function sumOf(counts: Iterable<number>): number {
  return [...counts].reduce((sum, count) => sum + count, 0)
}
