/** What this node does for rounds of reaping that a member conducts, its own among them: watches keys, looks at them, flushes, lets go of rows. */
import { digestOf } from '../kernel/index.js'
import { limits } from '../limits.js'
import type { Membership } from '../protocol/membership/membership.js'
import type { ReapHistory } from '../protocol/reaping/history.js'
import { addKey, keysIn, noKeys } from '../protocol/reaping/key-set.js'
import type { ReapAgree, ReapAsk, ReapDrop, ReapKey, ReapMessage } from '../wire/messages.js'
import { ReplicaStatus } from '../wire/messages.js'
import type { Conversations } from './conversations.js'
import type { Drain } from './drain.js'
import type { StorageGuard } from './guard/index.js'
import { readEach } from './read-each.js'
import { RECORDS } from './records.js'
import type { LocalRow, Replica } from './replica.js'

const NOTHING = new Uint8Array(0)

export interface ReapAnswersParts {
  readonly guard: StorageGuard
  readonly membership: Membership
  readonly conversations: Conversations
  readonly replica: Replica
  /** Rows that were read and not yet sent. */
  readonly reads: Drain
  /** Where it is written down for which keys this node has vouched; undefined: nowhere. */
  history(): ReapHistory | undefined
  now(): number
  reply(to: string, message: ReapMessage): void
  /** Everything that was sent until now has arrived at all members; false: that is not certain. */
  flush(done: (complete: boolean) => void): void
}

interface Dropping {
  readonly conductor: string
  readonly id: number
  readonly gone: Uint8Array
  left: number
}

export class ReapAnswers {
  readonly #parts: ReapAnswersParts
  readonly #dropping = new Map<number, { readonly dropping: Dropping; readonly index: number }>()
  #ticket = 0

  constructor(parts: ReapAnswersParts) {
    this.#parts = parts
  }

  /** Watches first and looks then: what happens between the two spoils the key. */
  ask(from: string, { id, state, keys }: ReapAsk): void {
    const refused = keys.length > limits.reapKeys ? ReplicaStatus.refused : this.#refusal(state)
    if (refused !== undefined) {
      this.#clean(from, id, refused, NOTHING)
      return
    }
    const { replica, conversations, reads } = this.#parts
    const { marks } = replica
    marks.begin(from, id, state, keys, this.#parts.now())
    for (const rowKey of conversations.rowKeys()) marks.touched(rowKey)
    for (const { rowKey } of keys) if (replica.isBusy(rowKey)) marks.touched(rowKey)
    reads.after(() => this.#look(keys, () => this.#flush(from, id)))
  }

  /** After every member was clean: has anything happened here since? What may go because of the answer is written down before it is given. */
  agree(from: string, { id, clean }: ReapAgree): void {
    const history = this.#parts.history()
    const found = this.#parts.replica.marks.cleanOf(from, id, clean)
    const vouched = keysIn(found?.clean ?? NOTHING, found?.keys.length ?? 0)
    if (history === undefined || vouched.length === 0) {
      this.#answer(from, id, clean)
      return
    }
    history.vouching(vouched.map((index) => found!.keys[index]!.rowKey))
    // Looked at anew behind the write: a key that was touched meanwhile is no longer vouched for.
    this.keep(history, (isKept) => {
      if (isKept) this.#answer(from, id, clean)
      else this.#clean(from, id, ReplicaStatus.unavailable, NOTHING)
    })
  }

  /** Writes it down. */
  keep(history: ReapHistory, done: (isKept: boolean) => void): void {
    const { bytes, written } = history.record()
    const record = { type: 'system', name: RECORDS.reaped, value: bytes } as const
    this.#parts.guard.write([record], (fault) => {
      if (fault === undefined) written()
      done(fault === undefined)
    })
  }

  drop(from: string, { id, clean }: ReapDrop): void {
    const { replica, guard } = this.#parts
    const asked = replica.marks.reap(from, id, clean, this.#parts.now())
    if (asked === undefined || guard.state !== 'open') {
      const status = asked === undefined ? ReplicaStatus.missing : ReplicaStatus.unavailable
      this.#parts.reply(from, { type: 52, id, status, clean: NOTHING })
      return
    }
    const dropping = { conductor: from, id, gone: noKeys(limits.reapKeys), left: asked.length }
    if (asked.length === 0) this.#dropped(dropping)
    const submit = (which: number) => {
      const { index, key } = asked[which]!
      this.#ticket++
      this.#dropping.set(this.#ticket, { dropping, index })
      replica.submit(key.rowKey, { kind: 'drop', digest: key.digest, ticket: this.#ticket })
    }
    guard.slices.each('reaping', asked.length, submit, () => {})
  }

  /** A row went, durably, or had gone already; or it is not as it was agreed upon any more. */
  settled(ticket: number, gone: boolean): void {
    const found = this.#dropping.get(ticket)
    if (found === undefined) return
    this.#dropping.delete(ticket)
    const { dropping, index } = found
    if (gone) addKey(dropping.gone, index)
    dropping.left--
    if (dropping.left === 0) this.#dropped(dropping)
  }

  #dropped({ conductor, id, gone }: Dropping): void {
    this.#parts.reply(conductor, { type: 52, id, status: ReplicaStatus.ok, clean: gone })
  }

  #look(keys: readonly ReapKey[], done: () => void): void {
    const { replica, membership } = this.#parts
    const { marks } = replica
    readEach(
      this.#parts,
      keys.map(({ rowKey }) => rowKey),
      {
        kind: 'reaping',
        each: (row, index) => {
          const key = keys[index]!
          const isOwner = membership.ring.ownersOf(key.rowKey).includes(membership.self)
          const isSo = replica.isDurable(key.rowKey) && isAgreed(row, key, isOwner)
          if (!isSo) marks.touched(key.rowKey)
        },
        done: () => this.#lookForHints(keys, done),
      },
    )
  }

  #lookForHints(keys: readonly ReapKey[], done: () => void): void {
    const { marks, hints } = this.#parts.replica
    let left = keys.length
    if (left === 0) done()
    for (const { rowKey } of keys) {
      hints.holds(rowKey, (holds) => {
        if (holds) marks.touched(rowKey)
        if (--left === 0) done()
      })
    }
  }

  #flush(from: string, id: number): void {
    this.#parts.flush((complete) => {
      if (complete) this.#answer(from, id)
      else this.#clean(from, id, ReplicaStatus.unavailable, NOTHING)
    })
  }

  #answer(from: string, id: number, asked?: Uint8Array): void {
    const found = this.#parts.replica.marks.cleanOf(from, id, asked)
    const refused = found === undefined ? ReplicaStatus.missing : this.#refusal(found.state)
    this.#clean(from, id, refused ?? ReplicaStatus.ok, found?.clean ?? NOTHING)
  }

  #clean(to: string, id: number, status: ReplicaStatus, clean: Uint8Array): void {
    this.#parts.reply(to, { type: 49, id, status, clean: status === ReplicaStatus.ok ? clean : NOTHING })
  }

  /** Why this node can vouch for nothing now. One that lost rows may hold again what it had let go of. */
  #refusal(state: Uint8Array): ReplicaStatus | undefined {
    const { membership, guard } = this.#parts
    if (Buffer.compare(state, membership.digest) !== 0) return ReplicaStatus.stale
    const isSound = guard.state === 'open' && !membership.own.incomplete && membership.confirmed
    return isSound ? undefined : ReplicaStatus.unavailable
  }
}

/** Nothing here, or at an owner just what was asked about, whether that is a tombstone or a value under a crowded clock. */
function isAgreed({ object, known, incomplete }: LocalRow, { digest }: ReapKey, isOwner: boolean): boolean {
  if (!known || incomplete) return false
  if (object === undefined) return true
  return isOwner && Buffer.compare(digestOf(object), digest) === 0
}
