/**
 * A replica that lost its rows (an empty disk under a member's name) is filled again by a full scan of the other owners. One that lost only the end of its log
 * compares trees with them instead (src/protocol/entropy/refill.ts), unless it cannot make trees.
 *
 * It takes part from the first moment: it stores what is written and merges what it has into reads. But it does not count
 * towards R until, for each of its partitions, it has scanned a majority of the other owners: any acknowledged write is on at least
 * one of them. Owners that are themselves incomplete count only if there is nobody better: when all doubt, they exchange and go on.
 *
 * Pages are merged through the lanes like any write; a cursor is kept, so that a killed rebuild resumes where it was.
 */
import { ByteReader, ByteWriter, WireError } from '../../wire/bytes.js'
import type { Digest64, RangeRows } from '../../wire/messages.js'
import { ReplicaStatus } from '../../wire/messages.js'
import type { Effect, Input } from '../effects.js'
import { isCovered } from '../entropy/refill.js'

const PAGE_ROWS = 64
const PAGE_BYTES = 128 * 1024
const ANSWER_MS = 10_000
const RETRY_MS = 500
/** A peer that grants no page now will soon: at the least grant it has earned one within a third of a second. */
const NOT_GRANTED_MS = 100
const START = new Uint8Array(1)

export interface RebuildProgress {
  /** Scanned to the end; complete themselves. */
  readonly sound: readonly string[]
  /** Scanned to the end, but incomplete themselves. */
  readonly doubtful: readonly string[]
  readonly peer: string
  readonly cursor: Uint8Array
}

export type RebuildEffect =
  | Effect
  /** Keep this durably. */
  | { readonly kind: 'progress'; readonly bytes: Uint8Array }
  /** Every partition is covered: this replica counts again. */
  | { readonly kind: 'complete' }

export class Rebuild {
  readonly id: number
  readonly #self: string
  readonly #ring: Digest64
  /** Owner lists of all partitions that this node owns. */
  readonly #partitions: readonly (readonly string[])[]
  readonly #sound: Set<string>
  /** Answered as incomplete at some page of their scan. */
  readonly #doubtful: Set<string>
  /** Scanned to the end, sound or doubtful. */
  readonly #scanned: Set<string>
  #peer: string
  #cursor: Uint8Array
  /** A page is asked for, or being merged. */
  #waitingUntilMs = 0
  #merging = 0
  #page: RangeRows | undefined
  #spoiled = false
  #finished = false

  constructor(
    id: number,
    self: string,
    partitions: readonly (readonly string[])[],
    progress: RebuildProgress | undefined,
    ring: Digest64,
  ) {
    this.id = id
    this.#ring = ring
    this.#self = self
    this.#partitions = partitions
    this.#sound = new Set(progress?.sound)
    this.#doubtful = new Set(progress?.doubtful)
    this.#scanned = new Set([...this.#sound, ...this.#doubtful])
    this.#peer = progress?.peer ?? ''
    this.#cursor = progress?.cursor ?? START
  }

  /** Call often; `peers` are those connected. */
  tick(nowMs: number, peers: readonly string[], out: RebuildEffect[]): void {
    if (this.#finished || this.#merging > 0 || nowMs < this.#waitingUntilMs) return
    if (this.#isCovered()) {
      this.#finished = true
      out.push({ kind: 'complete' })
      return
    }
    const open = peers.filter((peer) => this.#isUseful(peer))
    if (!open.includes(this.#peer)) {
      this.#peer = open[0] ?? ''
      this.#cursor = START
    }
    if (this.#peer !== '') this.#ask(nowMs, out)
  }

  step(input: Input, nowMs: number, out: RebuildEffect[]): void {
    switch (input.kind) {
      case 'answer':
        if (input.message.type === 10 && input.from === this.#peer && this.#page === undefined)
          this.#take(input.message, nowMs, out)
        return
      case 'settled':
        this.#merging--
        if (input.fault !== undefined) this.#spoiled = true
        if (this.#merging === 0) this.#pageDone(nowMs, out)
        return
      case 'unsent':
      case 'lost':
      case 'suspected':
        if (input.to === this.#peer && this.#merging === 0) this.#waitingUntilMs = nowMs + RETRY_MS
        return
      default:
    }
  }

  #ask(nowMs: number, out: RebuildEffect[]): void {
    this.#waitingUntilMs = nowMs + ANSWER_MS
    this.#page = undefined
    const message = {
      type: 9,
      id: this.id,
      ring: this.#ring,
      from: this.#cursor,
      maxRows: PAGE_ROWS,
      maxBytes: PAGE_BYTES,
    } as const
    out.push({ kind: 'send', conversation: this.id, to: this.#peer, message })
  }

  #take(page: RangeRows, nowMs: number, out: RebuildEffect[]): void {
    if (page.status !== ReplicaStatus.ok) {
      const isNotGranted = page.status === ReplicaStatus.overloaded
      this.#waitingUntilMs = nowMs + (isNotGranted ? NOT_GRANTED_MS : RETRY_MS)
      return
    }
    this.#page = page
    this.#spoiled = false
    this.#merging = page.rows.length
    for (const { rowKey, object } of page.rows)
      out.push({ kind: 'merge', conversation: this.id, rowKey, object })
    if (this.#merging === 0) this.#pageDone(nowMs, out)
  }

  /** What was not stored is asked for again. */
  #pageDone(nowMs: number, out: RebuildEffect[]): void {
    const page = this.#page
    this.#page = undefined
    this.#waitingUntilMs = nowMs
    if (page === undefined) return
    if (this.#spoiled) {
      this.#waitingUntilMs = nowMs + RETRY_MS
      return
    }
    if (page.incomplete) this.#doubtful.add(this.#peer)
    this.#cursor = page.next
    if (page.next.length === 0) {
      if (!this.#doubtful.has(this.#peer)) this.#sound.add(this.#peer)
      this.#scanned.add(this.#peer)
      this.#peer = ''
      this.#cursor = START
    }
    out.push({ kind: 'progress', bytes: encodeProgress(this.#progress()) })
  }

  #progress(): RebuildProgress {
    const doubtful = [...this.#doubtful].filter((peer) => this.#scanned.has(peer))
    return { sound: [...this.#sound], doubtful, peer: this.#peer, cursor: this.#cursor }
  }

  #isUseful(peer: string): boolean {
    if (peer === this.#self || this.#scanned.has(peer)) return false
    return this.#partitions.some((owners) => owners.includes(peer))
  }

  #isCovered(): boolean {
    const heard = { sound: this.#sound, exchanged: this.#scanned }
    return this.#partitions.every((owners) => isCovered(owners, this.#self, heard))
  }
}

/** Kept as progress by a replica that is being filled by comparing trees: there is no cursor in that, it begins anew. */
export const BY_TREES = Uint8Array.of(2)

export function isByTrees(progress: Uint8Array | undefined): boolean {
  return progress !== undefined && Buffer.compare(progress, BY_TREES) === 0
}

const VERSION = 1

function encodeProgress(progress: RebuildProgress): Uint8Array {
  const writer = new ByteWriter(256)
  writer.u8(VERSION)
  for (const list of [progress.sound, progress.doubtful]) {
    writer.u16(list.length)
    for (const peer of list) writer.text(peer)
  }
  writer.text(progress.peer)
  writer.bytes(progress.cursor)
  return writer.take()
}

/** Total: throws WireError. */
export function decodeProgress(bytes: Uint8Array): RebuildProgress {
  const reader = new ByteReader(bytes)
  if (reader.u8() !== VERSION) throw new WireError('the version of the progress is unknown')
  const list = () => Array.from({ length: reader.u16() }, () => reader.text(64))
  const sound = list()
  const doubtful = list()
  const progress = { sound, doubtful, peer: reader.text(64), cursor: reader.bytes() }
  reader.end()
  return progress
}
