/** Fills this replica again after a loss: whole ranges from the other owners, and single rows that were written over unreadable ones. */
import type { Clock } from '../ports/clock.js'
import type { Log } from '../ports/log.js'
import { type Governor, REFILL_PAGE_UNITS } from '../protocol/background/governor.js'
import type { Effect, Input } from '../protocol/effects.js'
import type { Membership } from '../protocol/membership/membership.js'
import type { RebuildEffect, RebuildProgress } from '../protocol/replica/rebuild.js'
import { decodeProgress, Rebuild } from '../protocol/replica/rebuild.js'
import { RecoverRowMachine } from '../protocol/replica/recover-row.js'
import { WireError } from '../wire/bytes.js'
import type { Conversations } from './conversations.js'
import type { Coordination } from './coordination.js'
import type { StorageGuard } from './guard/index.js'
import type { Peers } from './peers.js'
import { RECORDS } from './records.js'

const ROW_DEADLINE_MS = 5000
const ROW_RETRY_MS = 5000
const ROWS_AT_ONCE = 16
/** Keys remembered for recovery; beyond it a row stays marked on the disk and is noticed again when it is next read. */
const SUSPECT_ROWS = 100_000

export interface RebuilderParts {
  readonly clock: Clock
  readonly log: Log
  readonly guard: StorageGuard
  readonly membership: Membership
  readonly conversations: Conversations
  readonly coordination: Coordination
  readonly peers: Peers
  readonly governor: Governor
  perform(effect: Exclude<Effect, { kind: 'done' } | { kind: 'close' }>): void
  completed(): void
}

export class Rebuilder {
  readonly #parts: RebuilderParts
  readonly #suspects = new Map<string, Uint8Array>()
  #recovering = 0
  #rowsAgainMs = 0
  #rebuild: Rebuild | undefined

  /** `later`: there is nobody to scan before the membership is known again. */
  constructor(parts: RebuilderParts, progress: Uint8Array | undefined, later: boolean) {
    this.#parts = parts
    if (parts.membership.own.incomplete && !later) this.begin(progress)
  }

  get active(): boolean {
    return this.#rebuild !== undefined
  }

  get suspectRows(): number {
    return this.#suspects.size
  }

  /** Rows were lost: start over, or go on where `progress` says. */
  begin(progress?: Uint8Array): void {
    const { membership, conversations, log } = this.#parts
    const { ring, self } = membership
    const mine = ring.owners.filter((owners) => owners.includes(self))
    this.#rebuild = new Rebuild(conversations.nextId(), self, mine, readProgress(progress))
    log.info('rebuild-begun', { partitions: mine.length, resumed: progress !== undefined })
  }

  suspect(rowKey: Uint8Array): void {
    if (this.#suspects.size < SUSPECT_ROWS) this.#suspects.set(Buffer.from(rowKey).toString('latin1'), rowKey)
  }

  owns(id: number): boolean {
    return this.#rebuild?.id === id
  }

  step(input: Input): void {
    const nowMs = this.#parts.clock.monotonicMs()
    this.#run((out) => this.#rebuild?.step(input, nowMs, out))
  }

  away(input: Input & { kind: 'lost' | 'suspected' }): void {
    this.step(input)
  }

  tick(nowMs: number): void {
    const { peers, governor } = this.#parts
    const isUp = (id: string) => peers.isUp(id)
    if (governor.may('rebuild')) this.#run((out) => this.#rebuild?.tick(nowMs, peers.ids.filter(isUp), out))
    if (this.#suspects.size > 0 && nowMs >= this.#rowsAgainMs) this.#recoverRows(nowMs)
  }

  #run(step: (out: RebuildEffect[]) => void): void {
    const out: RebuildEffect[] = []
    step(out)
    for (const effect of out) this.#perform(effect)
  }

  #perform(effect: RebuildEffect): void {
    if (effect.kind === 'progress') this.#keep(effect.bytes)
    else if (effect.kind === 'complete') this.#complete()
    else if (effect.kind === 'send') this.#ask(effect)
    else if (effect.kind !== 'done' && effect.kind !== 'close') this.#parts.perform(effect)
  }

  #ask(effect: Effect & { kind: 'send' }): void {
    this.#parts.governor.spend('rebuild', REFILL_PAGE_UNITS)
    this.#parts.perform(effect)
  }

  /** Not waited for: a cursor that is behind only costs a page read twice. */
  #keep(value: Uint8Array | undefined): void {
    this.#parts.guard.write([{ type: 'system', name: RECORDS.rebuild, value }], () => {})
  }

  #complete(): void {
    this.#rebuild = undefined
    this.#keep(undefined)
    this.#parts.log.info('rebuild-complete')
    this.#parts.completed()
  }

  #recoverRows(nowMs: number): void {
    const { conversations, coordination, membership } = this.#parts
    this.#rowsAgainMs = nowMs + ROW_RETRY_MS
    for (const [name, rowKey] of this.#suspects) {
      if (this.#recovering >= ROWS_AT_ONCE) break
      this.#recovering++
      const placement = coordination.placement(rowKey)
      const machine = new RecoverRowMachine(
        conversations.nextId(),
        membership.self,
        rowKey,
        placement,
        nowMs + ROW_DEADLINE_MS,
      )
      conversations.begin(machine, nowMs, (complete) => {
        this.#recovering--
        if (complete !== true) return
        this.#suspects.delete(name)
        this.#rowsAgainMs = 0
      })
    }
  }
}

function readProgress(bytes: Uint8Array | undefined): RebuildProgress | undefined {
  if (bytes === undefined) return undefined
  try {
    return decodeProgress(bytes)
  } catch (error) {
    if (!(error instanceof WireError)) throw error
    return undefined
  }
}
