/** Outcomes of the kernel as numbers, and its one error class. */

/** Negative results. The first six are outcomes that a caller must expect; the others are mistakes and are thrown. */
export const CODES = {
  /** The operation is already a sibling here, or among those replaced lately. */
  ALREADY: -1,
  /** The write would leave more live values, or bytes of them, than the limits allow. */
  TOO_MANY_SIBLINGS: -2,
  /** No row of a known version, or a damaged one. */
  BAD_ROW: -3,
  /** No canonical clock. */
  BAD_CONTEXT: -4,
  /** The actor's counter has reached 2^53 - 1. */
  EXHAUSTED: -5,
  /** No canonical object. */
  BAD_OBJECT: -6,
  /** The output buffer is smaller than its bound, or shares memory with an input. */
  OUT_TOO_SMALL: -7,
  /** An argument does not fit its format. */
  BAD_WRITE: -8,
  /** No valid set of membership changes. */
  BAD_CHANGES: -9,
  /** No such tree (any more), or bytes that are no levels of one. */
  BAD_TREE: -10,
} as const

export type KernelErrorCode =
  | 'bad-argument'
  | 'out-too-small'
  | 'bad-object'
  | 'bad-context'
  | 'bad-row'
  | 'bad-attributes'
  | 'bad-changes'
  | 'bad-tree'

/** A mistake of the caller, or bytes that a decoder refuses. */
export class KernelError extends Error {
  readonly code: KernelErrorCode

  constructor(code: KernelErrorCode, message: string) {
    super(message)
    this.name = 'KernelError'
    this.code = code
  }
}

/** Passes lengths and expected outcomes through; throws for a mistake of the caller. */
export function outcome(code: number): number {
  if (code > CODES.OUT_TOO_SMALL) return code
  switch (code) {
    case CODES.OUT_TOO_SMALL:
      throw new KernelError(
        'out-too-small',
        'The output buffer is smaller than its bound, or shares memory with an input.',
      )
    case CODES.BAD_CHANGES:
      throw new KernelError('bad-changes', 'These bytes are no valid set of membership changes.')
    case CODES.BAD_TREE:
      throw new KernelError(
        'bad-tree',
        'There is no such tree (any more), or the bytes are no levels of one.',
      )
    default:
      throw new KernelError('bad-argument', 'An argument does not fit its format.')
  }
}

/** A whole number from `min` to `max`; anything else is a mistake of the caller. */
export function wholeNumber(name: string, value: number, min: number, max: number): number {
  if (Number.isSafeInteger(value) && value >= min && value <= max) return value
  throw new KernelError('bad-argument', `${name} must be a whole number from ${min} to ${max}, not ${value}.`)
}
