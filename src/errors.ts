/** The one table of errors: code, HTTP status, sentence, and whether the same request may succeed when sent again. The documentation is made from it. */

export interface ErrorKind {
  readonly status: number
  /** May the same request, unchanged, succeed later? */
  readonly retry: boolean
  readonly sentence: string
}

export const ERRORS = {
  BAD_KEY: {
    status: 400,
    retry: false,
    sentence: 'The bucket or the key is malformed or out of range; nothing was written.',
  },
  BAD_PARAM: {
    status: 400,
    retry: false,
    sentence: 'A parameter or header is unknown, malformed or out of range; nothing was written.',
  },
  BAD_CONTEXT: {
    status: 400,
    retry: false,
    sentence: 'The context is damaged, forged or belongs to another key; nothing was written.',
  },
  UNAUTHENTICATED: { status: 401, retry: false, sentence: 'Credentials are missing or wrong.' },
  FORBIDDEN: { status: 403, retry: false, sentence: 'These credentials do not reach this far.' },
  NOT_FOUND: { status: 404, retry: false, sentence: 'There is nothing here.' },
  METHOD_NOT_ALLOWED: { status: 405, retry: false, sentence: 'This path does not take this method.' },
  TOO_MANY_SIBLINGS: {
    status: 409,
    retry: false,
    sentence:
      'The key has too many concurrent versions; read it, merge them, and write with the context of that read.',
  },
  LENGTH_REQUIRED: {
    status: 411,
    retry: false,
    sentence: 'The body has neither a length nor chunked encoding.',
  },
  TOO_LARGE: {
    status: 413,
    retry: false,
    sentence: 'The value is larger than this node takes; nothing was written.',
  },
  URI_TOO_LONG: { status: 414, retry: false, sentence: 'The path is longer than any key can be.' },
  BAD_HOST: { status: 421, retry: false, sentence: 'This node does not answer to that Host.' },
  HEADERS_TOO_LARGE: { status: 431, retry: false, sentence: 'The request head is larger than 64 KiB.' },
  OVERLOADED: {
    status: 503,
    retry: true,
    sentence: 'The node has more work than it can do in time; it did nothing for this request.',
  },
  QUORUM_UNMET: {
    status: 503,
    retry: true,
    sentence: 'Fewer nodes than required could be reached. A write may still survive on those that were.',
  },
  NOT_READY: { status: 503, retry: true, sentence: 'The node cannot coordinate requests now.' },
  STORAGE_FULL: {
    status: 503,
    retry: true,
    sentence:
      'The disk of too many nodes is full for this write; nothing was acknowledged. A write may survive on some.',
  },
  TIMEOUT: {
    status: 504,
    retry: true,
    sentence: 'The deadline passed. A write is indeterminate: it may or may not have happened.',
  },
  INTERNAL: { status: 500, retry: false, sentence: 'A bug; it was logged with this request id.' },
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
