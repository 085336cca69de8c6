/** Performs what conversations ask for. Whatever it brings back reaches them through `route`, as an input with their id. */

import { rowObject } from '../kernel/index.js'
import type { Scheduler } from '../ports/scheduler.js'
import type { Effect, Input } from '../protocol/effects.js'
import type { HintEffect } from '../protocol/hints/hint-lanes.js'
import { isNodeId } from '../protocol/hints/record.js'
import type { Membership } from '../protocol/membership/membership.js'
import type { LaneEffect } from '../protocol/replica/lanes.js'
import type { Message } from '../wire/messages.js'
import type { Peers } from './peers.js'
import { isLasting, type Replica } from './replica.js'

const NOTHING = new Uint8Array(0)

/** Before a request is tried again under a table that its peer may still be writing down. */
const LEARN_AGAIN_MS = 20

const DURABLE: Input = { kind: 'settled', fault: undefined }
const BUFFERED: Input = { kind: 'settled', fault: undefined, buffered: true }

function settled(fault: (LaneEffect & { kind: 'settled' })['fault'], buffered: boolean): Input {
  if (fault === undefined) return buffered ? BUFFERED : DURABLE
  return { kind: 'settled', fault: fault === 'refused' ? 'unavailable' : fault }
}

export type Performed = Exclude<Effect, { kind: 'done' } | { kind: 'close' }>

export interface PerformerParts {
  readonly scheduler: Scheduler
  readonly membership: Membership
  readonly peers: Peers
  readonly replica: Replica
  readonly counts: { learned: number; repairsSent: number; forwarded: number }
  /** Gives an input to the conversation with this id, if it still goes on. */
  route(conversation: number, input: Input): void
  /** On its way to another node at the end of the turn. */
  post(to: string, message: Message, conversation: number): void
  /** A message of this node to itself. */
  toSelf(message: Message): void
  /** Takes over a peer's membership state; true when one is about to be adopted. */
  learn(from: string, state: Uint8Array): boolean
  /** This peer's replica asked for an object to be stored; so it came out. `buffered`: it is in memory only. */
  stored(
    peer: string,
    messageId: number,
    fault: (LaneEffect & { kind: 'settled' })['fault'],
    buffered: boolean,
  ): void
  suspect(rowKey: Uint8Array): void
  /** A row that was to go has gone, or stays because it has changed. */
  dropped(ticket: number, gone: boolean): void
  /** The conversation is to go on under the placement now in force. */
  replace(conversation: number): void
}

export class Performer {
  readonly #parts: PerformerParts
  /** Conversations that peers count otherwise: they go on in a moment, or as soon as the news of the membership that is on its way to the disk is adopted. */
  readonly #lookingAgain = new Map<number, () => void>()
  readonly #learners = new Set<number>()

  constructor(parts: PerformerParts) {
    this.#parts = parts
  }

  perform(effect: Performed): void {
    switch (effect.kind) {
      case 'send':
        this.#send(effect)
        return
      case 'read':
        this.#read(effect)
        return
      case 'write':
      case 'merge':
        if (effect.hintFor === undefined) this.#submit(effect)
        else this.#keep(effect, effect.hintFor)
        return
      case 'read-hint':
        this.#readHint(effect)
        return
      case 'release': {
        const { conversation, rowKey, target, number } = effect
        this.#parts.replica.hints.submit(rowKey, { kind: 'release', conversation, target, number })
        return
      }
      case 'learn':
        this.#learn(effect)
        return
      default:
        effect satisfies never
    }
  }

  /** News was adopted: those who waited for it go on. */
  adopted(): void {
    const learners = [...this.#learners]
    this.#learners.clear()
    for (const conversation of learners) {
      this.#lookingAgain.get(conversation)?.()
      this.#lookingAgain.delete(conversation)
      this.#parts.replace(conversation)
    }
  }

  #send({ conversation, to, message }: Effect & { kind: 'send' }): void {
    if (message.type === 1 && conversation === 0) this.#parts.counts.repairsSent++
    if (message.type === 5 || message.type === 7) this.#parts.counts.forwarded++
    if (to === this.#parts.membership.self) this.#parts.toSelf(message)
    else if (!this.#parts.peers.ask(to)) this.#parts.route(conversation, { kind: 'unsent', to })
    else this.#parts.post(to, message, conversation)
  }

  #read({ conversation, rowKey }: Effect & { kind: 'read' }): void {
    this.#parts.replica.read(rowKey, ({ object, known, incomplete }) => {
      if (incomplete) this.#parts.suspect(rowKey)
      this.#parts.route(conversation, {
        kind: 'row',
        object,
        known,
        counts: !incomplete && !this.#parts.membership.own.incomplete,
      })
    })
  }

  #submit(effect: Effect & { kind: 'write' | 'merge' }): void {
    const { conversation, rowKey } = effect
    const fault = this.#parts.replica.refusal()
    if (fault !== undefined) this.#parts.route(conversation, { kind: 'settled', fault })
    else if (effect.kind === 'write') {
      const { write, context } = effect
      this.#parts.replica.submit(rowKey, { kind: 'write', conversation, write, context })
    } else {
      const { object, completes = false, durable = false } = effect
      this.#parts.replica.submit(rowKey, {
        kind: 'merge',
        conversation,
        peer: '',
        messageId: 0,
        object,
        completes,
        durable,
      })
    }
  }

  /** Into what is kept for others. A hint that nobody waits for counts for nothing, and is not kept where room is short. */
  #keep(effect: Effect & { kind: 'write' | 'merge' }, targets: readonly string[]): void {
    const { conversation, rowKey } = effect
    const object = effect.kind === 'merge' ? effect.object : effect.write.value
    const isSpare = conversation === 0
    const fault = targets.every(isNodeId)
      ? this.#parts.replica.hints.refusal(rowKey.length + object.length, isSpare)
      : 'unavailable'
    if (fault !== undefined) this.#parts.route(conversation, { kind: 'settled', fault })
    else if (effect.kind === 'write') {
      const { write, context } = effect
      this.#parts.replica.hints.submit(rowKey, { kind: 'write', conversation, write, context, targets })
    } else {
      this.#parts.replica.hints.submit(rowKey, {
        kind: 'keep',
        conversation,
        peer: '',
        messageId: 0,
        object,
        targets,
      })
    }
  }

  #readHint({ conversation, rowKey, target }: Effect & { kind: 'read-hint' }): void {
    const tell = (found: 'held' | 'gone' | 'unknown', object: Uint8Array, number: number) =>
      this.#parts.route(conversation, { kind: 'hint', found, object, number })
    this.#parts.replica.hints.read(rowKey, (record) => {
      if (record === 'unreadable') tell('unknown', NOTHING, 0)
      else if (record === 'damaged' || record?.targets.includes(target) !== true) tell('gone', NOTHING, 0)
      else if (record.row.length > 0) tell('held', rowObject(record.row), record.number)
      else
        this.#parts.replica.readOwn(rowKey, ({ object, known }) => {
          if (object !== undefined) tell('held', object, record.number)
          else tell(known ? 'gone' : 'unknown', NOTHING, record.number)
        })
    })
  }

  hintEffect(effect: Exclude<HintEffect, { kind: 'read-record' }>): void {
    const { operation } = effect
    if (effect.kind === 'applied') {
      const { code, object, actor } = effect
      this.#parts.route(operation.conversation, { kind: 'applied', code, object, actor })
    } else if (operation.kind === 'keep' && operation.peer !== '')
      this.#parts.stored(operation.peer, operation.messageId, effect.fault, false)
    else this.#parts.route(operation.conversation, settled(effect.fault, false))
  }

  laneEffect(effect: Exclude<LaneEffect, { kind: 'read-row' }>): void {
    switch (effect.kind) {
      case 'applied': {
        const { code, object, actor } = effect
        this.#parts.route(effect.operation.conversation, { kind: 'applied', code, object, actor })
        return
      }
      case 'settled': {
        const { operation, fault } = effect
        const buffered = this.#parts.replica.isBuffered && !isLasting(operation)
        if (operation.kind === 'drop') this.#parts.dropped(operation.ticket, fault === undefined)
        else if (operation.kind === 'merge' && operation.peer !== '')
          this.#parts.stored(operation.peer, operation.messageId, fault, buffered)
        else this.#parts.route(operation.conversation, settled(fault, buffered))
        return
      }
      case 'suspect':
        this.#parts.suspect(effect.rowKey)
        return
      default:
        effect satisfies never
    }
  }

  /** Take over what the peer knows and tell it what it lacks; then the conversation goes on under the table in force. */
  #learn({ conversation, from, state }: Effect & { kind: 'learn' }): void {
    this.#parts.counts.learned++
    if (this.#parts.learn(from, state)) this.#learners.add(conversation)
    this.#lookAgain(conversation)
  }

  /** Once, however many peers are under another table: each look asks all of them again. */
  #lookAgain(conversation: number): void {
    if (this.#lookingAgain.has(conversation)) return
    const cancel = this.#parts.scheduler.after(LEARN_AGAIN_MS, () => {
      this.#lookingAgain.delete(conversation)
      this.#learners.delete(conversation)
      this.#parts.replace(conversation)
    })
    this.#lookingAgain.set(conversation, cancel)
  }
}
