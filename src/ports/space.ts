import type { Completion } from './engine.js'

/**
 * The room on the disk that holds the database. The guard asks for it before the engine runs out, and keeps a reserve that it
 * gives up when the engine needs room to get out of a full disk.
 */
export interface Space {
  /** Bytes that this process could still write there now; the reserve, while it is held, is not among them. */
  measure(done: Completion<number>): void
  /** Allocates the reserve on the disk unless it is there already. Fails with `full` where there is no room for it. */
  holdReserve(done: Completion<void>): void
  /** Gives the reserve's room back. Succeeds when there is none. */
  releaseReserve(done: Completion<void>): void
}
