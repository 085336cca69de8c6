import type { GuardState, StorageFaultKind } from './face.js'

/** What a guard lets through in which state. */

/** What a write is refused with; `undefined`: it may be taken. */
export function writeGate(state: GuardState): StorageFaultKind | undefined {
  if (state === 'open') return undefined
  return state === 'fenced' ? 'fenced' : 'closed'
}

/** Whether the engine may be believed. `reading`: the recovery has opened it for reading only, and found all that was acknowledged. */
export function mayRead(state: GuardState, reading: boolean): boolean {
  switch (state) {
    case 'open':
    case 'closing':
      return true
    case 'fenced':
      return reading
    case 'closed':
    case 'opening':
    case 'failed':
      return false
    default:
      return state satisfies never
  }
}
