/**
 * Judges what members remember of reaping (docs/decisions/0067-what-may-have-been-deleted-since-a-backup.md) by what really went. A value of a backup that was let go of since must be known
 * to be so by every history that is asked about it, from the instant at which the first disk lets go of it, whatever has happened to the member since: each may be the one
 * through which the backup is brought back. And nothing that has gone comes back on any disk.
 */
import type { Archive, BackedRow } from '../archive.js'
import { HISTORY_KEY, type ReadHistory, readHistory } from '../history-reader.js'
import type { SimHost } from '../host.js'
import { type ReadClock, type ReadObject, UnreadableBytes } from '../object-reader.js'
import type { World } from '../world.js'
import type { RowBook } from './row-book.js'
import type { Violations } from './violation.js'

/** Something of a key that a disk has let go of, or shed. */
interface Gone {
  readonly clock: ReadClock
  readonly timeMs: number
}

/** A value of a backup that went after that was begun. */
interface Fact {
  readonly archive: Archive
  readonly rowKey: Uint8Array
  readonly key: string
  readonly dot: string
}

export class ReapHistoryCheck {
  readonly #world: World
  readonly #book: RowBook
  readonly #violations: Violations
  readonly #gone = new Map<string, Gone[]>()
  readonly #archives: Archive[] = []
  readonly #facts: Fact[] = []
  /** Answers of histories that were held against what had gone. */
  asked = 0

  constructor(world: World, book: RowBook, violations: Violations) {
    this.#world = world
    this.#book = book
    this.#violations = violations
  }

  /** From now on it is told of every row. */
  watch(): void {
    this.#world.reaping.onGone = (holder, key, clock) => this.#wentAt(holder, key, clock)
    this.#world.reaping.isBackedUp = (key, object) => this.#isBackedUp(key, object)
    this.#book.onWritten = (node, key, object, before) => this.#written(node, key, object, before)
  }

  /** It is whole: what of it has gone meanwhile counts, too. */
  taken(archive: Archive): void {
    this.#archives.push(archive)
    for (const [key, all] of this.#gone) for (const gone of all) this.#find(archive, key, gone)
  }

  get values(): number {
    return this.#facts.length
  }

  /** Does this row of the backup hold a value that has gone since? */
  holdsGone(archive: Archive, rowKey: Uint8Array): boolean {
    return this.#facts.some((fact) => fact.archive === archive && fact.rowKey === rowKey)
  }

  /** Has anything of the key gone since, or does some disk hold what has seen all these dots? Then there is nothing to count in the row of a backup that holds them. */
  isSettled(key: string, { rowKey, live }: BackedRow, sinceMs: number): boolean {
    if ((this.#gone.get(key) ?? []).some(({ timeMs }) => timeMs >= sinceMs)) return true
    const engineKey = `d${Buffer.from(rowKey).toString('latin1')}`
    return this.#world.hosts.some(({ disk }) => {
      const row = disk.damaged.has(engineKey) ? undefined : disk.get(engineKey)
      return row !== undefined && live.every((dot) => this.#book.parse(row).object.clock.has(dot))
    })
  }

  #isBackedUp(key: string, object: Uint8Array): boolean {
    const isSame = (row: BackedRow): boolean => row.key === key && Buffer.compare(row.object, object) === 0
    return this.#archives.some(({ rows }) => rows.some(isSame))
  }

  #wentAt(holder: string, key: string, clock: ReadClock): void {
    const all = this.#gone.get(key) ?? []
    const gone = { clock, timeMs: this.#world.timeline.nowMs }
    all.push(gone)
    this.#gone.set(key, all)
    for (const archive of this.#archives) this.#find(archive, key, gone)
    const of = this.#world.machines.find(({ name }) => name === holder)
    for (const host of this.#membersFor(of)) this.judge(host)
  }

  #find(archive: Archive, key: string, { clock, timeMs }: Gone): void {
    if (timeMs < archive.begunMs) return
    for (const row of archive.rows) {
      if (row.key !== key) continue
      for (const dot of row.live) {
        if (!clock.has(dot) || this.#wentBefore(archive, key, dot)) continue
        const { rowKey } = row
        if (
          !this.#facts.some((fact) => fact.archive === archive && fact.dot === dot && fact.rowKey === rowKey)
        )
          this.#facts.push({ archive, rowKey, key, dot })
      }
    }
  }

  /** A disk that had lost something showed it to the backup after it had gone everywhere else. */
  #wentBefore(archive: Archive, key: string, dot: string): boolean {
    const all = this.#gone.get(key) ?? []
    return all.some(({ clock, timeMs }) => timeMs < archive.begunMs && clock.has(dot))
  }

  /** Whoever is a member, as this node sees it, and up. */
  #membersFor(of: SimHost | undefined): readonly SimHost[] {
    const members = of?.node?.cluster().members.filter(({ status }) => status !== 'removed') ?? []
    const ids = new Set(members.map(({ id }) => id))
    return this.#world.hosts.filter(({ node }) => node !== undefined && ids.has(node.cluster().self))
  }

  /** What would this member say of each value of a backup that has gone? */
  judge(host: SimHost): void {
    const history = this.#historyOf(host)
    if (history === undefined) return
    const self = host.node?.cluster().self ?? ''
    for (const { archive, rowKey, key, dot } of this.#facts) {
      const mark = archive.marks.get(self)
      const known = mark?.history === history.name ? mark.rounds : undefined
      const since = known ?? (history.fromFoundation ? 0 : undefined)
      // It says that it cannot tell.
      if (since === undefined) continue
      this.asked += 1
      if (history.lastRoundOf(rowKey) > since) continue
      this.#violations.add(
        'histories',
        `${host.name} has no round for ${key} after ${since}, and ${this.#named(dot)}, which is in backup ${archive.number}, has been let go of`,
      )
    }
  }

  /** As its disk has it, where that is what the node goes by. */
  #historyOf(host: SimHost): ReadHistory | undefined {
    const world = this.#world
    const { node, disk } = host
    if (host.state !== 'up' || host.mayShowOldCopy || world.fates.goneSinceMs(host) !== undefined)
      return undefined
    const own = node?.cluster().reapHistory
    const record = disk.damaged.has(HISTORY_KEY) ? undefined : world.durable(host, HISTORY_KEY)
    if (own === undefined || record === undefined) return undefined
    try {
      const history = readHistory(record)
      return history.name === own.history ? history : undefined
    } catch (error) {
      if (!(error instanceof UnreadableBytes)) throw error
      this.#violations.add('histories', `${host.name} keeps a history that cannot be read`)
      return undefined
    }
  }

  #written(node: string, key: string, { siblings }: ReadObject, before: ReadObject | undefined): void {
    const had = new Set(before?.siblings.map(({ dot }) => dot))
    for (const { tombstone, dot } of siblings) {
      if (tombstone || had.has(dot) || this.#book.writeOf(dot)?.mayComeBack === true) continue
      if (!(this.#gone.get(key) ?? []).some(({ clock }) => clock.has(dot))) continue
      this.#violations.add('A3', `${node} wrote ${this.#named(dot)} of ${key}, which had been let go of`)
    }
  }

  #named(dot: string): string {
    return `put ${this.#book.writeOf(dot)?.id ?? '?'}`
  }
}
