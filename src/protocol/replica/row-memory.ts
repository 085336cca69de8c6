/** Where lanes make their rows. */
export interface RowMemory {
  /** Room for a row of up to this many bytes; what it holds is undefined. */
  take(bytes: number): Buffer
  /** The first bytes of the room that was taken last, which the row turned out to need; none, if there is no row after all. */
  fit(room: Buffer, bytes: number): Buffer
}
