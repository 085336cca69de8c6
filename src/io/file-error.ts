import { type Completion, EngineError, type EngineErrorKind } from '../ports/engine.js'

const CODES: Readonly<Record<string, EngineErrorKind>> = {
  ENOSPC: 'full',
  EDQUOT: 'full',
  EIO: 'io',
  EACCES: 'unavailable',
  EPERM: 'unavailable',
  EROFS: 'unavailable',
  ENOTDIR: 'unavailable',
}

/** A Node.js file error as an engine error. */
export function fileError(cause: NodeJS.ErrnoException): EngineError {
  return new EngineError(CODES[cause.code ?? ''] ?? 'unknown', cause.message, { cause })
}

/** Gives the outcome of work on files to a completion, as an input of its own and never within the promise. */
export function settle<T>(work: Promise<T>, done: Completion<T>): void {
  work.then(
    (result) => setImmediate(done, undefined, result),
    (error) => setImmediate(done, error instanceof EngineError ? error : fileError(error), undefined as T),
  )
}
