/**
 * The one table of errors: code, HTTP status, sentence, whether the same request may succeed when sent again, and whether a write
 * that got this answer may have happened all the same. docs/errors.md is made from it.
 */

export interface ErrorKind {
  readonly status: number
  /** May the same request, unchanged, succeed later? */
  readonly retry: boolean
  /** May a write that was answered so exist, now or later? False = it certainly changed nothing. */
  readonly mayBeWritten: boolean
  readonly sentence: string
}

export const ERRORS = {
  BAD_KEY: {
    status: 400,
    retry: false,
    mayBeWritten: false,
    sentence: 'The bucket or the key is malformed or out of range; nothing was written.',
  },
  BAD_PARAM: {
    status: 400,
    retry: false,
    mayBeWritten: false,
    sentence: 'A parameter or header is unknown, malformed or out of range; nothing was written.',
  },
  BAD_CONTEXT: {
    status: 400,
    retry: false,
    mayBeWritten: false,
    sentence: 'The context is damaged, forged or belongs to another key or cluster; nothing was written.',
  },
  BAD_REQUEST: {
    status: 400,
    retry: false,
    mayBeWritten: false,
    sentence: 'This is not an HTTP/1.1 request that the node understands; nothing was written.',
  },
  UNAUTHENTICATED: {
    status: 401,
    retry: false,
    mayBeWritten: false,
    sentence: 'Credentials are missing or wrong.',
  },
  FORBIDDEN: {
    status: 403,
    retry: false,
    mayBeWritten: false,
    sentence: 'These credentials do not reach this far.',
  },
  NOT_FOUND: { status: 404, retry: false, mayBeWritten: false, sentence: 'There is nothing here.' },
  METHOD_NOT_ALLOWED: {
    status: 405,
    retry: false,
    mayBeWritten: false,
    sentence: 'This path does not take this method.',
  },
  REQUEST_TIMEOUT: {
    status: 408,
    retry: true,
    mayBeWritten: false,
    sentence: 'The request did not arrive completely in time; nothing was written.',
  },
  TOO_MANY_SIBLINGS: {
    status: 409,
    retry: false,
    mayBeWritten: false,
    sentence:
      'The key has too many concurrent versions; read it, merge them, and write with the context of that read.',
  },
  LENGTH_REQUIRED: {
    status: 411,
    retry: false,
    mayBeWritten: false,
    sentence: 'The body has neither a length nor chunked encoding.',
  },
  TOO_LARGE: {
    status: 413,
    retry: false,
    mayBeWritten: false,
    sentence: 'The value is larger than this node takes; nothing was written.',
  },
  URI_TOO_LONG: {
    status: 414,
    retry: false,
    mayBeWritten: false,
    sentence: 'The path is longer than any key can be.',
  },
  EXPECTATION_FAILED: {
    status: 417,
    retry: false,
    mayBeWritten: false,
    sentence: 'Of all expectations only 100-continue is met.',
  },
  BAD_HOST: {
    status: 421,
    retry: false,
    mayBeWritten: false,
    sentence: 'This node does not answer to that Host.',
  },
  HEADERS_TOO_LARGE: {
    status: 431,
    retry: false,
    mayBeWritten: false,
    sentence: 'The request head is larger than 64 KiB.',
  },
  OVERLOADED: {
    status: 503,
    retry: true,
    mayBeWritten: false,
    sentence: 'The node has more work than it can do in time; it did nothing for this request.',
  },
  QUORUM_UNMET: {
    status: 503,
    retry: true,
    mayBeWritten: true,
    sentence: 'Fewer nodes than required could be reached. A write may still survive on those that were.',
  },
  NOT_READY: {
    status: 503,
    retry: true,
    mayBeWritten: false,
    sentence: 'The node cannot coordinate requests now.',
  },
  STORAGE_FULL: {
    status: 503,
    retry: true,
    mayBeWritten: true,
    sentence:
      'The disk of too many nodes is full for this write; nothing was acknowledged. A write may survive on some.',
  },
  TIMEOUT: {
    status: 504,
    retry: true,
    mayBeWritten: true,
    sentence: 'The deadline passed. A write is indeterminate: it may or may not have happened.',
  },
  INTERNAL: {
    status: 500,
    retry: false,
    mayBeWritten: true,
    sentence: 'A bug; it was logged with this request id.',
  },
} as const satisfies Record<string, ErrorKind>

export type ErrorCode = keyof typeof ERRORS

/** Numbers that explain an error, such as `needed`, `got`, `n`, `limitBytes`. */
export type ErrorNumbers = Readonly<Record<string, number>>

export class RotundaError extends Error {
  readonly code: ErrorCode
  readonly numbers: ErrorNumbers
  constructor(code: ErrorCode, detail?: string, numbers: ErrorNumbers = {}) {
    super(detail === undefined ? ERRORS[code].sentence : detail)
    this.name = 'RotundaError'
    this.code = code
    this.numbers = numbers
  }
}

/** An error as a value: how machines and nodes say no. */
export interface Failure {
  readonly status: 'error'
  readonly code: ErrorCode
  /** Replaces the table's sentence where something more precise can be said. */
  readonly message?: string
  readonly numbers?: ErrorNumbers
}
