import { EngineError, type EngineErrorKind } from '../../ports/engine.js'

/**
 * What RocksDB 6.17 and its binding say, and what we take it for. Its errors carry no code, only a text such as
 * "IO error: No space left on deviceWhile appending to file: …/000007.log: No space left on device". First match wins.
 */
const SAYINGS: readonly (readonly [RegExp, EngineErrorKind])[] = [
  [/no space left|disk quota exceeded|ENOSPC|EDQUOT/i, 'full'],
  [/database is not open|cannot call .* before open|after end\(\)/i, 'closed'],
  [/lock hold by|while lock file|resource temporarily unavailable|lock file/i, 'unavailable'],
  [
    /permission denied|operation not permitted|read-only file system|read only mode|EACCES|EPERM|EROFS/i,
    'unavailable',
  ],
  [/too many open files/i, 'unavailable'],
  // A file that the manifest names and the disk lacks.
  [/no such file or directory/i, 'corrupt'],
  [/^corruption|checksum mismatch|bad magic|not an sstable/i, 'corrupt'],
  [/^io error|input\/output error|EIO/i, 'io'],
]

/** Never throws; what is not known becomes `unknown`. */
export function rocksdbError(cause: unknown): EngineError {
  const text = cause instanceof Error ? cause.message : String(cause)
  const saying = SAYINGS.find(([pattern]) => pattern.test(text))
  return new EngineError(saying?.[1] ?? 'unknown', text, { cause })
}
