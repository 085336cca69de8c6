/** At the end of a seed every backup is brought back, row by row, each through some member: what that says of it is judged. */
import type { Archive, BackedRow } from './archive.js'
import { countRows, restore } from './archivist.js'
import type { ClientWorld } from './caller.js'
import type { ReapHistoryCheck } from './check/reap-history-check.js'
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
    const { world, counters, violations } = this.#parts
    const host = this.#prng.pick(world.hosts)
    const again = (): void => {
      world.timeline.after(AGAIN_MS, 'final restore', () => this.#next(archive, rows))
    }
    if (host.state !== 'up') return again()
    const histories = this.#histories
    const askedMs = world.timeline.nowMs
    const isCounted = histories.holdsGone(archive, row.rowKey) && !histories.isSettled(row.key, row, askedMs)
    restore(world, host, archive, [row], (outcome) => {
      if (outcome?.status !== 'ok' || outcome.failed > 0) return again()
      countRows(counters, outcome)
      // A value of it has gone, and nothing covers it any more.
      if (isCounted && outcome.held === 0 && !histories.isSettled(row.key, row, askedMs))
        violations.add(
          'histories',
          `${host.name} did not count ${row.key} of backup ${archive.number} among what may have been deleted since`,
        )
      this.#next(archive, others)
    })
  }
}
