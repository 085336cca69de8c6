/** The golden files in test/vectors, as the tests read them. */
import { readFileSync } from 'node:fs'

const FOLDER = new URL('../../../test/vectors/', import.meta.url)

export function golden<T>(name: string): T {
  return JSON.parse(readFileSync(new URL(name, FOLDER), 'utf8')) as T
}

export function bytes(hex: string): Buffer {
  return Buffer.from(hex, 'hex')
}

export function hex(value: Uint8Array): string {
  return Buffer.from(value).toString('hex')
}

/** Runs something that writes into a buffer and gives the length; what it wrote. */
export function written(bound: number, write: (out: Uint8Array) => number): Buffer {
  const out = Buffer.alloc(bound)
  const length = write(out)
  if (length < 0) throw new Error(`The kernel answered ${length}.`)
  return out.subarray(0, length)
}
