/** What exchanges that this node conducts send: questions and rows as fast as the governor grants, and rows no faster than an operator allows. */
import type { Governor } from '../protocol/background/governor.js'
import type { Effect } from '../protocol/effects.js'
import type { Outflow } from './outflow.js'

/** Rows that a peer joins for what one request costs. */
const ROWS_OF_A_UNIT = 4

type Send = Extract<Effect, { kind: 'send' }>

/** An exchange, as far as it sends. */
export interface Sender {
  /** Rows that wait for nothing but the rate. */
  rowsWaiting: number
}

interface Held<S> {
  readonly sender: S
  readonly effect: Send
}

export interface DeparturesParts<S> {
  readonly governor: Pick<Governor, 'may' | 'spend'>
  readonly outflow: Pick<Outflow, 'send'>
  /** The exchange has not ended: what it has to say is still wanted. */
  isUnderWay(sender: S): boolean
  perform(effect: Send): void
}

export class Departures<S extends Sender> {
  readonly #parts: DeparturesParts<S>
  /** Messages that wait until they are granted; at most one question, or one load of rows, for each exchange. */
  #held: Held<S>[] = []

  constructor(parts: DeparturesParts<S>) {
    this.#parts = parts
  }

  send(sender: S, effect: Send): void {
    if (this.#held.length === 0 && this.#parts.governor.may('exchange')) this.#leave(sender, effect)
    else this.#held.push({ sender, effect })
  }

  /** Call often: what has been granted since leaves. */
  release(): void {
    while (this.#held.length > 0 && this.#parts.governor.may('exchange')) {
      const { sender, effect } = this.#held.shift()!
      if (this.#parts.isUnderWay(sender)) this.#leave(sender, effect)
    }
  }

  #leave(sender: S, effect: Send): void {
    const { governor, perform, outflow, isUnderWay } = this.#parts
    const { message } = effect
    governor.spend('exchange', message.type === 46 ? 1 + message.keys.length / ROWS_OF_A_UNIT : 1)
    if (message.type !== 1) return perform(effect)
    sender.rowsWaiting++
    outflow.send('given', [message], {
      isWanted: () => isUnderWay(sender),
      leave: () => {
        sender.rowsWaiting--
        perform(effect)
      },
    })
  }
}
