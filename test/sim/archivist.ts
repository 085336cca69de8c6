/** Whoever takes backups of the whole cluster while clients work, and now and then brings one back, without leave to bring back what may have been deleted since. */
import type { CopiedRange, CopyRequest, Failure, Restored, RestoreRequest } from '../../src/node/requests.js'
import { decodePage } from '../../src/wire/copied-rows.js'
import { type Archive, type BackedRow, backedRow, distinct, type Mark } from './archive.js'
import type { ReapHistoryCheck } from './check/reap-history-check.js'
import type { Counters } from './counters.js'
import { Errands } from './errands.js'
import type { SimHost } from './host.js'
import type { Prng } from './prng.js'
import type { World } from './world.js'

const AGAIN_MS = 400
const PATIENCE_MS = 4_000
const NOTHING = new Uint8Array(0)

/** What one member has shown; undefined: it could not, or not all. */
type Shown = readonly BackedRow[] | undefined

export class Archivist {
  readonly #world: World
  readonly #prng: Prng
  readonly #counters: Counters
  readonly histories: ReapHistoryCheck
  readonly #errands: Errands
  /** Those that are whole. */
  readonly archives: Archive[] = []

  constructor(world: World, prng: Prng, counters: Counters, histories: ReapHistoryCheck) {
    this.#world = world
    this.#prng = prng
    this.#counters = counters
    this.histories = histories
    this.#errands = new Errands(world.timeline, 'archivist')
  }

  start(): void {
    const { backups, calmMs } = this.#world.config
    if (backups === 0) return
    this.histories.watch()
    for (let number = 1; number <= backups; number += 1)
      this.#errands.later(this.#prng.exponential(1.5 * calmMs), () => this.#take(number))
  }

  stop(): void {
    this.#errands.stop()
  }

  /** Marks first, and then all rows of all members; as long as not enough of them can be read under one table, again. */
  #take(number: number): void {
    const { timeline } = this.#world
    const begunMs = timeline.nowMs
    const again = (): void => this.#errands.later(AGAIN_MS, () => this.#take(number))
    const readable = this.#world.up().filter(({ mayShowOldCopy }) => !mayShowOldCopy)
    const view = this.#prng.pick(this.#world.hosts).node?.cluster()
    const members = (view?.members ?? []).filter(({ status }) => status !== 'removed')
    const asked = readable.filter(({ node }) => members.some(({ id }) => id === node?.cluster().self))
    // A majority of the owners of every key: who is away may have what nobody else has.
    const mayBeAway = Math.floor((Math.min(view?.n ?? 0, members.length) - 1) / 2)
    const isEnough = (got: number): boolean => got > 0 && got >= members.length - mayBeAway
    if (view === undefined || !isEnough(asked.length)) return again()
    const marks = new Map(asked.flatMap((host) => markOf(host)))
    this.#readAll(asked, view.ringDigest, (shown) => {
      if (!isEnough(shown.length)) return again()
      const archive = { number, begunMs, marks, rows: distinct(shown.flat()) }
      this.archives.push(archive)
      this.histories.taken(archive)
      this.#counters.count('backups taken')
      this.#errands.tell(`backup ${number} is whole: ${archive.rows.length} rows of ${shown.length} members`)
      this.#restoreLater(archive)
    })
  }

  #readAll(
    hosts: readonly SimHost[],
    ring: string,
    done: (shown: readonly (readonly BackedRow[])[]) => void,
  ) {
    const shown: (readonly BackedRow[])[] = []
    let left = hosts.length
    for (const host of hosts) {
      this.#read(host, ring, (rows) => {
        if (rows !== undefined) shown.push(rows)
        left -= 1
        if (left === 0 && !this.#errands.isOver) done(shown)
      })
    }
  }

  /** What it keeps for others first: once that is handed over it is with the owners, who are read afterwards. */
  #read(host: SimHost, ring: string, done: (rows: Shown) => void): void {
    this.#pages(host, 'kept', ring, NOTHING, [], (kept) => {
      if (kept === undefined) done(undefined)
      else this.#pages(host, 'rows', ring, NOTHING, kept, done)
    })
  }

  #pages(
    host: SimHost,
    of: CopyRequest['of'],
    ring: string,
    from: Uint8Array,
    before: readonly BackedRow[],
    done: (rows: Shown) => void,
  ): void {
    copy(this.#world, host, { of, from, to: undefined }, (outcome) => {
      if (outcome?.status !== 'ok') return done(undefined)
      const page = decodePage(outcome.page)
      if (page.incomplete || page.ring !== ring) return done(undefined)
      const own = page.rows.map(({ rowKey, object }) =>
        backedRow(Uint8Array.from(rowKey), Uint8Array.from(object)),
      )
      const rows = [...before, ...own]
      if (page.next.length === 0) done(rows)
      else this.#pages(host, of, ring, Uint8Array.from(page.next), rows, done)
    })
  }

  #restoreLater(archive: Archive): void {
    this.#errands.later(this.#prng.exponential(3 * this.#world.config.calmMs), () => {
      this.#restore(archive)
      this.#restoreLater(archive)
    })
  }

  /** All rows at once, through some member. */
  #restore(archive: Archive): void {
    const host = this.#prng.pick(this.#world.hosts)
    if (host.state !== 'up' || host.isStopped) return
    this.histories.judge(host)
    this.#errands.tell(`backup ${archive.number} is brought back through ${host.name}`)
    restore(this.#world, host, archive, archive.rows, (outcome) => {
      if (outcome?.status !== 'ok') return
      this.#counters.count('restores')
      countRows(this.#counters, outcome)
    })
  }
}

function markOf({ node }: SimHost): [string, Mark][] {
  const { self, reapHistory } = node?.cluster() ?? {}
  if (self === undefined || reapHistory === undefined) return []
  return [[self, { history: reapHistory.history, rounds: reapHistory.rounds }]]
}

export function countRows(counters: Counters, { written, known, held, failed }: Restored): void {
  for (const [name, count] of Object.entries({ written, known, held, failed }))
    if (count > 0) counters.count(`restored rows ${name}`, count)
}

/** Brings rows of a backup back through this member. `done` once: with its answer, or with nothing where none comes. */
export function restore(
  world: World,
  host: SimHost,
  { marks }: Archive,
  rows: readonly BackedRow[],
  done: (outcome: Restored | Failure | undefined) => void,
): void {
  send(world, host, 'restore', done, (deadlineMs, answered) => {
    const mark = marks.get(host.node?.cluster().self ?? '')
    const request: RestoreRequest = { rows, mark, allowReaped: false, deadlineMs }
    host.node?.restore(request, answered)
  })
}

function copy(
  world: World,
  host: SimHost,
  request: Omit<CopyRequest, 'deadlineMs'>,
  done: (outcome: CopiedRange | Failure | undefined) => void,
): void {
  send(world, host, 'copy', done, (deadlineMs, answered) => {
    host.node?.copy({ ...request, deadlineMs }, answered)
  })
}

function send<T>(
  { timeline }: World,
  host: SimHost,
  what: string,
  done: (outcome: T | undefined) => void,
  ask: (deadlineMs: number, answered: (outcome: T) => void) => void,
): void {
  let isOver = false
  const end = (outcome: T | undefined): void => {
    if (!isOver) {
      isOver = true
      done(outcome)
    }
  }
  host.process?.enter(what, () => ask(host.clock.monotonicMs() + PATIENCE_MS, end))
  timeline.after(2 * PATIENCE_MS, 'archivist', () => end(undefined))
}
