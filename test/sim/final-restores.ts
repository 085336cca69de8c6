/** At the end of a seed every backup is brought back through every member that is left: what each says of it is judged row by row. */
import type { Restored } from '../../src/node/requests.js'
import type { Archive, BackedRow } from './archive.js'
import { countRows, restore } from './archivist.js'
import type { ClientWorld } from './caller.js'
import type { ReapHistoryCheck } from './check/reap-history-check.js'
import type { SimHost } from './host.js'
import type { Prng } from './prng.js'

const AGAIN_MS = 300

export class FinalRestores {
  readonly #parts: ClientWorld
  readonly #histories: ReapHistoryCheck
  readonly #prng: Prng
  #left = 0

  constructor(parts: ClientWorld, prng: Prng, histories: ReapHistoryCheck) {
    this.#parts = parts
    this.#prng = prng
    this.#histories = histories
  }

  /** Of how many backups some rows have not been answered yet. */
  get left(): number {
    return this.#left
  }

  begin(archives: readonly Archive[]): void {
    for (const host of this.#parts.world.hosts) this.#histories.judge(host)
    for (const archive of archives) {
      this.#left += 1
      // Each row through another member, one after the other.
      this.#next(archive, this.#prng.shuffled(archive.rows))
    }
  }

  #next(archive: Archive, rows: readonly BackedRow[]): void {
    const [row, ...others] = rows
    if (row === undefined) {
      this.#left -= 1
      return
    }
    const { world, counters } = this.#parts
    const host = this.#prng.pick(world.hosts)
    const again = (): void => {
      world.timeline.after(AGAIN_MS, 'final restore', () => this.#next(archive, rows))
    }
    if (host.state !== 'up') return again()
    const isCounted = this.#histories.holdsGone(archive, row.rowKey)
    restore(world, host, archive, [row], (outcome) => {
      if (outcome?.status !== 'ok' || outcome.failed > 0) return again()
      countRows(counters, outcome)
      if (isCounted) this.#judge(archive, row, host, outcome)
      this.#next(archive, others)
    })
  }

  /** A value of it has gone: it is left out and counted, unless what is there covers it, and then it stays covered. */
  #judge({ number }: Archive, row: BackedRow, host: SimHost, { held }: Restored): void {
    const { violations, world, book } = this.#parts
    if (held > 0) return
    const engineKey = `d${Buffer.from(row.rowKey).toString('latin1')}`
    const isCovered = world.hosts.some(({ disk }) => {
      const there = disk.damaged.has(engineKey) ? undefined : disk.get(engineKey)
      return there !== undefined && row.live.every((dot) => book.parse(there).object.clock.has(dot))
    })
    if (isCovered) return
    violations.add(
      'histories',
      `${host.name} did not count ${row.key} of backup ${number} among what may have been deleted since, and nobody holds it`,
    )
  }
}
