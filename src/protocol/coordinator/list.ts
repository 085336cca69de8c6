/**
 * One page of a bucket's live keys in byte order. Keys of a bucket are spread over all members, so each is asked for
 * its next keys; the page ends where the shortest unfinished answer ends. Whether a key is live is decided as a read at quorum would:
 * where R owners hold the same versions, by them; where they differ, by reading the key.
 *
 * Exact while all nodes are up; with some away, still exact as long as R owners of every key answered, else QUORUM_UNMET.
 */
import type { Failure } from '../../errors.js'
import { liveCount } from '../../kernel/index.js'
import type { KeyPage } from '../../wire/messages.js'
import { ReplicaStatus } from '../../wire/messages.js'
import type { Effect, Input, Placement } from '../effects.js'
import { type Found, TOO_FEW_TO_READ } from './read.js'

export interface Listed {
  readonly status: 'ok'
  readonly keys: readonly Uint8Array[]
  readonly done: boolean
  readonly next: Uint8Array | undefined
}

/** Besides the effects of every machine: read one key at quorum; the outcome comes back through `keyRead`. */
export type ListEffect =
  | Effect
  | {
      readonly kind: 'read-key'
      readonly conversation: number
      readonly bucket: Uint8Array
      readonly key: Uint8Array
    }

export interface ListTask {
  readonly id: number
  readonly self: string
  readonly members: readonly string[]
  readonly bucket: Uint8Array
  readonly prefix: Uint8Array
  readonly after: Uint8Array | undefined
  readonly limit: number
  readonly r: number
  readonly n: number
  /** Members that may be missing without leaving a key fewer than R of its owners; absent: n − r. */
  readonly spare?: number
  readonly placement: Placement
  readonly deadlineMs: number
  /** Owners of a key of this bucket, in order. */
  ownersOf(key: Uint8Array): readonly string[]
}

interface Seen {
  readonly key: Uint8Array
  /** Owners that hold it: by node id, its version digest as text and whether it is live. */
  readonly by: Map<string, { digest: string; live: boolean }>
}

const NOTHING = new Uint8Array(0)

export class ListMachine {
  readonly id: number
  readonly deadlineMs: number
  readonly #task: ListTask
  readonly #pages = new Map<string, KeyPage>()
  readonly #failed = new Set<string>()
  /** Keys that must be read, by text, and what came of it. */
  readonly #reading = new Map<string, boolean | undefined>()
  #candidates: readonly Seen[] = []
  #gathered = false
  #closed = false
  #isStale = false

  constructor(task: ListTask) {
    this.id = task.id
    this.deadlineMs = task.deadlineMs
    this.#task = task
  }

  /** A member is under another table: where the page failed, it may succeed under that one. */
  get isStale(): boolean {
    return this.#isStale
  }

  start(_nowMs: number, out: ListEffect[]): void {
    const { members, placement, bucket, prefix, after, limit } = this.#task
    const message = {
      type: 11,
      id: this.id,
      ring: placement.ring,
      bucket,
      prefix,
      after: after ?? NOTHING,
      limit,
    } as const
    for (const to of members) out.push({ kind: 'send', conversation: this.id, to, message })
  }

  step(input: Input, _nowMs: number, out: ListEffect[]): void {
    if (this.#closed || this.#gathered) return
    if (input.kind === 'answer' && input.message.type === 12) this.#page(input.from, input.message, out)
    else if (isGone(input)) this.#failed.add(input.to)
    else return
    if (this.#task.members.every((member) => this.#pages.has(member) || this.#failed.has(member)))
      this.#gather(out)
  }

  keyRead(key: Uint8Array, outcome: Found | Failure, out: ListEffect[]): void {
    if (this.#closed) return
    if (outcome.status === 'error') return this.#finish(out, outcome)
    this.#reading.set(text(key), outcome.object !== undefined && liveCount(outcome.object) > 0)
    this.#conclude(out)
  }

  expire(_nowMs: number, out: ListEffect[]): void {
    this.#finish(out, { status: 'error', code: 'TIMEOUT' })
  }

  #page(from: string, page: KeyPage, out: ListEffect[]): void {
    if (page.status === ReplicaStatus.stale) {
      this.#isStale = true
      out.push({ kind: 'learn', conversation: 0, from, state: page.state })
    }
    // A page that goes on but shows no key (its records are damaged) does not tell how far it reaches.
    const isUsable = page.done || page.keys.length > 0
    if (page.status === ReplicaStatus.ok && isUsable) this.#pages.set(from, page)
    else this.#failed.add(from)
  }

  #gather(out: ListEffect[]): void {
    this.#gathered = true
    const unmet = this.#placeWithoutQuorum()
    if (unmet !== undefined) return this.#finish(out, unmet)
    this.#candidates = this.#merge().slice(0, this.#task.limit)
    for (const seen of this.#candidates) {
      if (this.#verdict(seen) !== undefined) continue
      this.#reading.set(text(seen.key), undefined)
      out.push({ kind: 'read-key', conversation: this.id, bucket: this.#task.bucket, key: seen.key })
    }
    this.#conclude(out)
  }

  /** With members away, every set of owners must still have R among those that answered. */
  #placeWithoutQuorum(): Failure | undefined {
    const { n, r, members } = this.#task
    const got = members.length - this.#failed.size
    const complete = [...this.#pages.values()].filter(({ incomplete }) => !incomplete).length
    const missing = members.length - complete
    if (missing <= (this.#task.spare ?? n - r)) return undefined
    const numbers = { needed: r, got: Math.min(got, r - 1), n }
    return { status: 'error', code: 'QUORUM_UNMET', message: TOO_FEW_TO_READ, numbers }
  }

  /** Every key up to where the shortest unfinished page ends. */
  #merge(): Seen[] {
    const horizon = this.#horizon()
    const seen = new Map<string, Seen>()
    for (const [member, page] of this.#pages) {
      for (const { key, live, digest } of page.keys) {
        if (horizon !== undefined && Buffer.compare(key, horizon) > 0) continue
        const name = text(key)
        const entry = seen.get(name) ?? { key, by: new Map() }
        seen.set(name, entry)
        entry.by.set(member, { digest: text(digest), live })
      }
    }
    return [...seen.values()].sort((a, b) => Buffer.compare(a.key, b.key))
  }

  #horizon(): Uint8Array | undefined {
    const ends = [...this.#pages.values()].filter(({ done }) => !done).map(({ keys }) => keys.at(-1)!.key)
    return ends.sort(Buffer.compare)[0]
  }

  /** Live or not where R complete owners agree, else undefined. */
  #verdict(seen: Seen): boolean | undefined {
    const agreeing = new Map<string, number>()
    let differs = 0
    const owners = this.#task.ownersOf(seen.key)
    for (const owner of owners) {
      const page = this.#pages.get(owner)
      if (page === undefined || page.incomplete) continue
      const held = seen.by.get(owner)
      const digest = held?.digest ?? ''
      if (digest === '') differs++
      agreeing.set(digest, (agreeing.get(digest) ?? 0) + 1)
    }
    if (agreeing.size !== 1 || differs > 0) return undefined
    const [[digest, count]] = agreeing as unknown as [[string, number]]
    if (count < Math.min(this.#task.r, owners.length)) return undefined
    return [...seen.by.values()].find((held) => held.digest === digest)?.live
  }

  #conclude(out: ListEffect[]): void {
    if ([...this.#reading.values()].includes(undefined)) return
    const live = this.#candidates.filter(
      (seen) => this.#reading.get(text(seen.key)) ?? this.#verdict(seen) === true,
    )
    const finished = this.#horizon() === undefined && this.#candidates.length === this.#merge().length
    const next = finished ? undefined : this.#candidates.at(-1)?.key
    this.#finish(out, { status: 'ok', keys: live.map(({ key }) => key), done: next === undefined, next })
  }

  #finish(out: ListEffect[], outcome: Listed | Failure): void {
    if (this.#closed) return
    this.#closed = true
    out.push({ kind: 'done', conversation: this.id, outcome }, { kind: 'close', conversation: this.id })
  }
}

/** Nothing is to be expected from this member any more. */
function isGone(input: Input): input is Input & { kind: 'unsent' | 'lost' | 'suspected' } {
  return input.kind === 'unsent' || input.kind === 'lost' || input.kind === 'suspected'
}

function text(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('latin1')
}
