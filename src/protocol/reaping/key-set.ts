/** Which keys of a round: one bit for each, the lowest of the first byte first. Sets of peers may be shorter or longer than they should be. */

export type KeySet = Uint8Array

export function noKeys(count: number): KeySet {
  return new Uint8Array(Math.ceil(count / 8))
}

export function allKeys(count: number): KeySet {
  const keys = noKeys(count)
  for (let index = 0; index < count; index++) addKey(keys, index)
  return keys
}

export function hasKey(keys: KeySet, index: number): boolean {
  return ((keys[index >> 3] ?? 0) & (1 << (index & 7))) !== 0
}

export function addKey(keys: KeySet, index: number): void {
  keys[index >> 3]! |= 1 << (index & 7)
}

export function removeKey(keys: KeySet, index: number): void {
  keys[index >> 3]! &= ~(1 << (index & 7))
}

/** Keys of both. */
export function bothKeys(one: KeySet, other: KeySet): KeySet {
  return one.map((bits, index) => bits & (other[index] ?? 0))
}

/** The numbers of the keys in it, rising. */
export function keysIn(keys: KeySet, count: number): number[] {
  return Array.from({ length: count }, (_, index) => index).filter((index) => hasKey(keys, index))
}
