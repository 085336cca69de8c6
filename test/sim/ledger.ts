/**
 * The history as the clients know it, in their own terms: every write has a number, and each context that a client holds stands
 * for a set of writes. Nothing here looks at a clock or a dot; what a context covers follows from the values that came with it:
 *
 *   read gives values 4, 7         the context covers 4, 7 and all that the writers of 4 and 7 had covered
 *   write 9 with that context      covers 9 and the same
 *   its answer's context           covers at least that much (at most: also versions already replaced)
 *
 * So "9 supersedes 4" is a fact that two clients could agree on over a table, and a database that disagrees is wrong.
 *
 * A retry of one operation is the same write with another value text (`w9.1`, `w9.2`), so that every dot ever seen still maps
 * to exactly one value. A delete without a context is the one write whose reach clients cannot know: it removes what its
 * coordinator sees. It covers surely what was acknowledged at a quorum before it, and possibly all that had begun when it ended.
 */

export type Outcome =
  | 'open'
  | 'acked'
  /** It may have happened, or happen yet. */
  | 'unknown'
  /** The database said that nothing happened. */
  | 'refused'

/** What a context stands for. */
export interface Knowledge {
  /** Writes that its client knows to be covered. */
  readonly covers: ReadonlySet<number>
  /**
   * Writes that it covers as well, because they had already been replaced when a put was answered. Their replacement need not be
   * covered, nor known wherever the context is used next.
   */
  readonly besides: ReadonlySet<number>
}

export const KNOWS_NOTHING: Knowledge = { covers: new Set(), besides: new Set() }

export interface WriteEntry {
  readonly id: number
  readonly key: string
  readonly kind: 'put' | 'delete'
  /** A delete that was given no context. */
  readonly sweeping: boolean
  /** Writes that it supersedes, closed under itself, without its own id. */
  readonly covers: Set<number>
  readonly besides: ReadonlySet<number>
  /** Distinct durable nodes that an acknowledgement promises. */
  w: number
  /** Nodes that stand in for owners may be among them. */
  readonly sloppy: boolean
  /** Those nodes were all owners: reads at a quorum of owners must show it at once. */
  strict: boolean
  /**
   * The host whose process ended since it was begun, where rows are acknowledged from memory; `several`: more than one. One replica that has forgotten does not
   * count before it has asked a majority of the others, of whom one has the write; with two that is no promise any more, until all are alike.
   */
  forgottenBy: string | undefined
  readonly begunAt: number
  /** After this ledger step it certainly has no effect any more; Infinity while that is open. */
  endedAt: number
  /** Its first acknowledgement that was a strict one; as long as there was none, the last of the others. */
  ackedAt: number
  outcome: Outcome
  attempts: number
  /** An attempt got no answer: it may happen at any later time. */
  lingers: boolean
  /** A retry may have reached a coordinator that does not know the operation any more: the write may come back after it was superseded. */
  mayComeBack: boolean
  readonly valueBytes: number
}

/** Replaced operations that a row remembers; a few less, for those of other clients that are under way. */
const OPERATIONS_REMEMBERED = 10

export class KeyLedger {
  readonly key: string
  readonly writes: WriteEntry[] = []
  hasBeenReaped = false

  constructor(key: string) {
    this.key = key
  }

  /** A row of the key was let go of, and with it what it remembered of operations. `forgets`: which of the writes it knew and may meet again. */
  reaped(forgets: (entry: WriteEntry) => boolean): void {
    this.hasBeenReaped = true
    for (const entry of this.writes) if (forgets(entry)) entry.mayComeBack = true
  }

  /**
   * Of a key of which something was let go of: a disk lost the end of its log, or is an old copy. It may hold again what had been superseded, and nobody can
   * tell (docs/decisions/0020-letting-go-of-tombstones.md, 0026-shedding-clock-entries.md).
   */
  diskWentBack(): void {
    for (const entry of this.writes) entry.mayComeBack = true
  }

  /** Writes that happened, or may have, and supersede `id` by what their clients held. */
  isSuperseded(entry: WriteEntry): boolean {
    return this.writes.some((other) => other.id !== entry.id && this.#mayReplace(other, entry))
  }

  /** What somebody who sees the given writes has seen: they themselves, and all that their writers had. */
  closure(ids: Iterable<number>, find: (id: number) => WriteEntry | undefined): Knowledge {
    const covers = new Set<number>()
    const besides = new Set<number>()
    for (const id of ids) {
      covers.add(id)
      const entry = find(id)
      for (const covered of entry?.covers ?? []) covers.add(covered)
      for (const replaced of entry?.besides ?? []) besides.add(replaced)
    }
    return { covers, besides }
  }

  #mayReplace(other: WriteEntry, entry: WriteEntry): boolean {
    if (other.outcome === 'refused') return false
    if (other.covers.has(entry.id)) return true
    if (other.kind !== 'delete') return false
    return other.sweeping && entry.begunAt < other.endedAt
  }
}

export class Ledger {
  readonly keys = new Map<string, KeyLedger>()
  readonly #writes: WriteEntry[] = []
  #steps = 0

  /** The order in which clients began and ended things; two things with different numbers are in real order. */
  step(): number {
    this.#steps += 1
    return this.#steps
  }

  key(name: string): KeyLedger {
    let key = this.keys.get(name)
    if (key === undefined) {
      key = new KeyLedger(name)
      this.keys.set(name, key)
    }
    return key
  }

  find(id: number): WriteEntry | undefined {
    return this.#writes[id - 1]
  }

  /** What this host held in memory only is gone. */
  memoryLost(host: string): void {
    for (const entry of this.#writes) {
      if (entry.forgottenBy === undefined) entry.forgottenBy = host
      else if (entry.forgottenBy !== host) entry.forgottenBy = 'several'
      if (entry.forgottenBy === 'several') entry.strict = false
    }
  }

  get size(): number {
    return this.#writes.length
  }

  begin(
    key: string,
    fields: Pick<WriteEntry, 'kind' | 'sweeping' | 'w' | 'valueBytes' | 'sloppy'>,
    knowledge: Knowledge,
  ): WriteEntry {
    const entry: WriteEntry = {
      id: this.#writes.length + 1,
      key,
      ...fields,
      covers: new Set(knowledge.covers),
      besides: knowledge.besides,
      strict: !fields.sloppy,
      forgottenBy: undefined,
      begunAt: this.step(),
      endedAt: Number.POSITIVE_INFINITY,
      ackedAt: Number.POSITIVE_INFINITY,
      outcome: 'open',
      attempts: 1,
      lingers: false,
      mayComeBack: false,
    }
    this.#writes.push(entry)
    this.key(key).writes.push(entry)
    return entry
  }

  /** A retry. A node remembers a bounded number of replaced operations of a key, and only those that it replaced itself. */
  again(entry: WriteEntry, elsewhere: boolean): void {
    entry.attempts += 1
    entry.endedAt = Number.POSITIVE_INFINITY
    if (entry.outcome === 'refused') entry.outcome = 'open'
    this.mayBeForgotten(entry, elsewhere)
  }

  /** Asked again when the retry is sent: others may have been written meanwhile, and who was asked first may have started anew. */
  mayBeForgotten(entry: WriteEntry, elsewhere: boolean): void {
    const { writes, hasBeenReaped } = this.key(entry.key)
    const since = writes.filter((other) => other.begunAt > entry.begunAt).length
    if (elsewhere || hasBeenReaped || since > OPERATIONS_REMEMBERED) entry.mayComeBack = true
  }

  /** One attempt ended. What happened once is not undone by what a later attempt hears. */
  end(entry: WriteEntry, outcome: 'acked' | 'unknown' | 'refused'): void {
    const at = this.step()
    if (outcome === 'unknown') entry.lingers = true
    if (!entry.lingers) entry.endedAt = at
    if (outcome === 'acked') {
      // One that rested on nodes that stand in promised readers nothing yet: its next one may.
      entry.ackedAt = entry.strict ? Math.min(entry.ackedAt, at) : at
      entry.outcome = 'acked'
    } else if (entry.outcome === 'open') entry.outcome = outcome
  }
}

const FILL = 'abcdefghijklmnopqrstuvwxyz0123456789'
/** The filler of all values, as it begins at each of its places. */
const FILLERS = Array.from(FILL, (_, first) =>
  Buffer.from(Array.from(FILL, (_letter, at) => FILL.charCodeAt(((first + at) * 7) % FILL.length))),
)

/** The one value that this attempt of this write puts: its name, then filler that follows from it. */
export function valueBytesOf(id: number, attempt: number, valueBytes: number): Uint8Array {
  const name = `w${id}.${attempt}|`
  const value = Buffer.allocUnsafe(Math.max(valueBytes, name.length))
  value.write(name, 'latin1')
  return value.fill(FILLERS[(name.length + id * 7) % FILL.length] as Buffer, name.length)
}

const NAME = /^w(\d{1,7})\.(\d{1,3})\|/

/** Which write a value is; undefined when no client ever wrote these bytes. */
export function nameInValue(value: Uint8Array): { id: number; attempt: number } | undefined {
  const head = Buffer.from(value.buffer, value.byteOffset, Math.min(value.length, 16)).toString('latin1')
  const match = NAME.exec(head)
  return match === null ? undefined : { id: Number(match[1]), attempt: Number(match[2]) }
}

/** The operation id that a client sends along, the same for every attempt. */
export function operationOf(id: number): Uint8Array {
  return Buffer.from(`o${id}`)
}

export function idInOperation(operation: string): number | undefined {
  const match = /^o(\d{1,7})$/.exec(operation)
  return match === null ? undefined : Number(match[1])
}
