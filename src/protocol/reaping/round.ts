/**
 * One round of reaping: tombstones go for good, once it is certain that nothing can bring back what they cover.
 *
 *     this node, first owner          every member, this one too            owners
 *     "nothing of these but this?" ─▶ watches these keys from now on;
 *                                     looks; flushes all its connections
 *                                 ◀── clean of …
 *     ── the cut: now nobody holds anything older, and nothing older is on its way ──
 *     "heard nothing since?"      ─▶ clean of …, still
 *                                 ◀──
 *     "let go of these"           ─────────────────────────────────────▶ drops each row that is as agreed
 *                                                                    ◀──
 *     lets go itself
 *
 * Why the first answers alone are not enough: they were given one after the other, and what one member had sent before its answer may have reached
 * another after that one's. The flush says that what a member sent before its look has arrived, and so it lies in what the second answers
 * vouch for: whoever has touched a key since its own look takes its word back. docs/decisions/0020 has the whole argument.
 *
 * Any member that does not answer stops the round; nothing is lost by that, and the next one begins anew. Riak reaps when its owners are up
 * (riak_kv#1094): a tombstone that was left on a fallback came back and killed a key that had been made anew.
 */
import type { Message } from '../../wire/messages.js'
import { ReplicaStatus } from '../../wire/messages.js'
import type { Effect, Input } from '../effects.js'
import { addKey, allKeys, bothKeys, hasKey, type KeySet, keysIn, noKeys } from './key-set.js'

export interface ReapCandidate {
  readonly rowKey: Uint8Array
  /** It holds a value: only what its clock has to spare is to go. */
  readonly isLive: boolean
  /** 16 bytes, of its object. */
  readonly digest: Uint8Array
  /** Node ids; the first is this node. */
  readonly owners: readonly string[]
}

export interface ReapTask {
  readonly id: number
  readonly self: string
  /** Ids of all members, this node's too. */
  readonly members: readonly string[]
  /** Digest of the membership state that names them. */
  readonly state: Uint8Array
  readonly keys: readonly ReapCandidate[]
  readonly deadlineMs: number
}

export interface ReapOutcome {
  /** Numbers of the keys that have no row here any more. */
  readonly reaped: readonly number[]
  /** Members that did not answer, or could not say, and why. */
  readonly stoppedBy: readonly { readonly member: string; readonly reason: ReapRefusal }[]
}

/** `silent`: no answer in time. `away`: it could not be reached. Else what it said. */
export type ReapRefusal = 'silent' | 'away' | keyof typeof ReplicaStatus

export type ReapEffect =
  | Extract<Effect, { kind: 'send' }>
  | { readonly kind: 'ended'; readonly outcome: ReapOutcome }

type Phase = 'asking' | 'agreeing' | 'dropping' | 'letting-go' | 'ended'

export class ReapRound {
  readonly task: ReapTask
  #phase: Phase = 'asking'
  /** Keys of which nobody has said otherwise. */
  #clean: KeySet
  /** Those whose answer is awaited. */
  #waiting = new Set<string>()

  constructor(task: ReapTask) {
    this.task = task
    this.#clean = allKeys(task.keys.length)
  }

  start(out: ReapEffect[]): void {
    const { id, members, state, keys } = this.task
    this.#askAll(members, () => ({ type: 48, id, state, keys }), out)
  }

  step(input: Input, out: ReapEffect[]): void {
    switch (input.kind) {
      case 'answer':
        this.#answer(input.from, input.message, out)
        return
      case 'unsent':
      case 'lost':
      case 'suspected':
        if (this.#waiting.has(input.to)) this.#stop([input.to], 'away', out)
        return
      default:
    }
  }

  /** Call often. */
  tick(nowMs: number, out: ReapEffect[]): void {
    if (this.#phase !== 'ended' && nowMs >= this.task.deadlineMs)
      this.#stop([...this.#waiting], 'silent', out)
  }

  /** Another membership is in force. */
  abandon(out: ReapEffect[]): void {
    if (this.#phase !== 'ended') this.#end([], [], out)
  }

  #answer(from: string, message: Message, out: ReapEffect[]): void {
    const isDropping = this.#phase === 'dropping' || this.#phase === 'letting-go'
    if (message.type !== (isDropping ? 52 : 49) || !this.#waiting.has(from)) return
    if (message.status !== ReplicaStatus.ok) {
      this.#stop([from], nameOf(message.status), out)
      return
    }
    this.#waiting.delete(from)
    this.#clean = bothKeys(this.#clean, isDropping ? this.#orNotTheirs(from, message.clean) : message.clean)
    if (this.#waiting.size === 0) this.#next(out)
  }

  /** An owner speaks of its own keys only. */
  #orNotTheirs(owner: string, dropped: KeySet): KeySet {
    const { keys } = this.task
    const said = noKeys(keys.length)
    keys.forEach(({ owners }, index) => {
      if (hasKey(dropped, index) || !owners.includes(owner)) addKey(said, index)
    })
    return said
  }

  #next(out: ReapEffect[]): void {
    const left = keysIn(this.#clean, this.task.keys.length)
    if (left.length === 0) return this.#end([], [], out)
    const { id, members, self } = this.task
    switch (this.#phase) {
      case 'asking':
        this.#phase = 'agreeing'
        this.#askAll(members, () => ({ type: 50, id, clean: this.#clean }), out)
        return
      case 'agreeing':
        this.#phase = 'dropping'
        this.#dropAt(
          members.filter((member) => member !== self),
          out,
        )
        if (this.#waiting.size === 0) this.#next(out)
        return
      case 'dropping':
        // Last of all: as long as the row is here, what another owner has kept will be asked for again.
        this.#phase = 'letting-go'
        this.#dropAt([self], out)
        return
      case 'letting-go':
        this.#end(left, [], out)
        return
      case 'ended':
        return
      default:
        this.#phase satisfies never
    }
  }

  #dropAt(nodes: readonly string[], out: ReapEffect[]): void {
    const { id, keys } = this.task
    const owners = nodes.filter((node) =>
      keys.some((key, index) => hasKey(this.#clean, index) && key.owners.includes(node)),
    )
    this.#askAll(owners, (owner) => ({ type: 51, id, clean: this.#ownedBy(owner) }), out)
  }

  #ownedBy(owner: string): KeySet {
    const { keys } = this.task
    const owned = noKeys(keys.length)
    keys.forEach(({ owners }, index) => {
      if (hasKey(this.#clean, index) && owners.includes(owner)) addKey(owned, index)
    })
    return owned
  }

  #askAll(nodes: readonly string[], question: (node: string) => Message, out: ReapEffect[]): void {
    this.#waiting = new Set(nodes)
    const { id: conversation } = this.task
    for (const to of nodes) out.push({ kind: 'send', conversation, to, message: question(to) })
  }

  #stop(members: readonly string[], reason: ReapRefusal, out: ReapEffect[]): void {
    this.#end(
      [],
      members.map((member) => ({ member, reason })),
      out,
    )
  }

  #end(reaped: readonly number[], stoppedBy: ReapOutcome['stoppedBy'], out: ReapEffect[]): void {
    if (this.#phase === 'ended') return
    this.#phase = 'ended'
    out.push({ kind: 'ended', outcome: { reaped, stoppedBy } })
  }
}

function nameOf(status: ReplicaStatus): ReapRefusal {
  const names = Object.keys(ReplicaStatus) as (keyof typeof ReplicaStatus)[]
  return names.find((name) => ReplicaStatus[name] === status)!
}
