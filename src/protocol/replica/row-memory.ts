/** Where lanes make their rows. */
export interface RowMemory {
  /** Room for a row of this key of up to so many bytes; what it holds is undefined. */
  take(rowKey: Uint8Array, bytes: number): Buffer
  /** The first bytes of the room that was taken last, for this key, which the row turned out to need; none, if there is no row after all. */
  fit(rowKey: Uint8Array, room: Buffer, bytes: number): Buffer
}
