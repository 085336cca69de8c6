/** Machines of coordinators in tests: begun, stepped, and what they say. */
import { makeRowKey } from '../../src/kernel/index.js'
import type { Effect, Machine } from '../../src/protocol/effects.js'

export const NOTHING = new Uint8Array(0)
export const KEY = makeRowKey(Buffer.from('b'), Buffer.from('k'))
export const FIELDS = {
  incomplete: false,
  operationIsClients: false,
  tombstone: false,
  wallMs: 1,
  operation: NOTHING,
  attributes: NOTHING,
  value: Buffer.from('v'),
}

export function begin(machine: Machine): Effect[] {
  const out: Effect[] = []
  machine.start(0, out)
  return out
}

export function step(machine: Machine, input: Parameters<Machine['step']>[0]): Effect[] {
  const out: Effect[] = []
  machine.step(input, 0, out)
  return out
}

/** `to:type` of each message. */
export const sent = (out: readonly Effect[]) =>
  out.flatMap((effect) => (effect.kind === 'send' ? [`${effect.to}:${effect.message.type}`] : []))

export const outcome = (out: readonly Effect[]): unknown =>
  out.flatMap((effect) => (effect.kind === 'done' ? [effect.outcome] : []))[0]

export const closes = (out: readonly Effect[]) => out.some(({ kind }) => kind === 'close')
