/** Requests written straight into a connection's own buffer. */
import type { Values } from './values.js'

/** Room for the head of a request with the largest context that a server gives. */
export const HEAD_ROOM_BYTES = 64 * 1024

export interface Written {
  readonly bucket: string
  readonly key: number
  readonly version: number
  /** '' = blind. */
  readonly context: string
}

/** Gives the length of the request in `out`. */
export function writeGet(out: Buffer, host: string, bucket: string, key: number): number {
  return out.write(`GET /v1/kv/${bucket}/${keyName(key)} HTTP/1.1\r\nHost: ${host}\r\n\r\n`, 0, 'latin1')
}

/** Gives the length of the request in `out`. */
export function writePut(out: Buffer, host: string, written: Written, values: Values): number {
  const { bucket, key, version, context } = written
  const contextField = context === '' ? '' : `Rotunda-Context: ${context}\r\n`
  const head =
    `PUT /v1/kv/${bucket}/${keyName(key)} HTTP/1.1\r\nHost: ${host}\r\n` +
    `Content-Type: application/octet-stream\r\nContent-Length: ${values.bytes}\r\n${contextField}\r\n`
  const headBytes = out.write(head, 0, 'latin1')
  values.write(key, version, out, headBytes)
  return headBytes + values.bytes
}

export function keyName(key: number): string {
  return `key-${key}`
}
