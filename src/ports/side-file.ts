import type { Completion } from './engine.js'

/**
 * A file of two fixed slots beside the database, each overwritten in place and synced: it outlives what the database may lose.
 * Content, versions and checksums are the guard's business; this port moves bytes.
 */
export interface SideFile {
  /** Both slots, `undefined` where nothing was ever written or the slot cannot be read. */
  read(done: Completion<readonly [Uint8Array | undefined, Uint8Array | undefined]>): void
  /** Overwrites one slot (at most 512 bytes) and syncs it. */
  write(slot: 0 | 1, bytes: Uint8Array, done: Completion<void>): void
}
