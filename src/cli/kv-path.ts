import { UsageError } from './usage-error.js'

/** The path of a key. `.` and `..`, which URL parsers on the way swallow, go in base64url. */
export function kvPath(bucket: string, key: string): string {
  const swallowed = [bucket, key].some((part) => part === '.' || part === '..')
  if (swallowed) return `/v1/kv64/${base64(bucket)}/${base64(key)}`
  try {
    return `/v1/kv/${encodeURIComponent(bucket)}/${encodeURIComponent(key)}`
  } catch {
    throw new UsageError('bucket and key must be text that UTF-8 can express')
  }
}

function base64(text: string): string {
  return Buffer.from(text).toString('base64url')
}

/** A key as it can be shown in a line: with no control characters, whatever it holds. */
export function shownKey(bucket: string, key: string): string {
  const path = `${bucket}/${key}`
  return /^[\p{L}\p{N}\p{P}\p{S}\p{M} ]+$/u.test(path) ? path : JSON.stringify(path)
}
