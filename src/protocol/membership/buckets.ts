/**
 * What operators have set for buckets: a register for each, carried and merged with the membership state. Of two settings of one bucket the
 * later stamp wins. A stamp is above all that its author had seen, so a setting wins over every one that its author knew of; of settings
 * that did not know of each other one wins, the same on every node.
 */
import { limits } from '../../limits.js'
import { type ByteReader, type ByteWriter, WireError } from '../../wire/bytes.js'
import type { QuorumChoice } from '../coordinator/quorum.js'

/** What requests for keys of a bucket take where they do not say themselves. */
export interface BucketProperties {
  readonly r: QuorumChoice | undefined
  readonly w: QuorumChoice | undefined
  /** Nodes that stand in for owners that are away count. Undefined: they do. */
  readonly sloppy: boolean | undefined
}

export interface BucketRegister {
  /** The bucket's bytes, one character each. */
  readonly bucket: string
  readonly stamp: number
  /** The member that was asked. */
  readonly author: string
  /** Undefined: dropped. */
  readonly properties: BucketProperties | undefined
}

/** Quorums in a byte: 0 = not set, then the number, or a name from here on. */
const NAMED_FROM = 253
const NAMES = ['one', 'quorum', 'all'] as const
const SLOPPY: readonly (boolean | undefined)[] = [undefined, false, true]
const DROPPED = 255
const ID = /^[0-9a-f]{32}$/

/** Both sorted by bucket, and so is the result. */
export function mergeBuckets(
  a: readonly BucketRegister[],
  b: readonly BucketRegister[],
): readonly BucketRegister[] {
  if (b.length === 0) return a
  if (a.length === 0) return b
  const latest = new Map<string, BucketRegister>()
  for (const register of [...a, ...b]) {
    const known = latest.get(register.bucket)
    if (known === undefined || isLater(register, known)) latest.set(register.bucket, register)
  }
  return [...latest.values()].sort((x, y) => (x.bucket < y.bucket ? -1 : 1))
}

/** One author never uses a stamp twice, unless its directory is an old copy: then any fixed choice will do. */
function isLater(a: BucketRegister, b: BucketRegister): boolean {
  if (a.stamp !== b.stamp) return a.stamp > b.stamp
  if (a.author !== b.author) return a.author > b.author
  return code(a.properties) > code(b.properties)
}

function code(properties: BucketProperties | undefined): number {
  if (properties === undefined) return -1
  const { r, w, sloppy } = properties
  return quorumCode(r) * 1024 + quorumCode(w) * 4 + SLOPPY.indexOf(sloppy)
}

/** What `author` sets now, after all that it has seen. */
export function nextRegister(
  known: readonly BucketRegister[],
  author: string,
  bucket: string,
  properties: BucketProperties | undefined,
): BucketRegister {
  const stamp = known.reduce((highest, register) => Math.max(highest, register.stamp), 0) + 1
  return { bucket, stamp, author, properties }
}

/** The buckets that have properties now. */
export function bucketProperties(
  registers: readonly BucketRegister[],
): ReadonlyMap<string, BucketProperties> {
  const set = new Map<string, BucketProperties>()
  for (const { bucket, properties } of registers) if (properties !== undefined) set.set(bucket, properties)
  return set
}

export function encodeBuckets(writer: ByteWriter, registers: readonly BucketRegister[]): void {
  writer.u32(registers.length)
  for (const { bucket, stamp, author, properties } of registers) {
    writer.bytes(Buffer.from(bucket, 'latin1'))
    writer.u53(stamp)
    writer.text(author)
    writer.u8(properties === undefined ? DROPPED : SLOPPY.indexOf(properties.sloppy))
    writer.u8(quorumCode(properties?.r))
    writer.u8(quorumCode(properties?.w))
  }
}

/** Total: throws WireError for anything that encodeBuckets does not write. */
export function decodeBuckets(reader: ByteReader): readonly BucketRegister[] {
  const registers: BucketRegister[] = []
  for (let left = reader.count(12); left > 0; left--) registers.push(decodeRegister(reader))
  if (registers.length > limits.buckets)
    throw new WireError('more buckets with properties than a cluster may have')
  if (registers.some((one, i) => i > 0 && registers[i - 1]!.bucket >= one.bucket))
    throw new WireError('buckets are out of order')
  return registers
}

function decodeRegister(reader: ByteReader): BucketRegister {
  const bytes = reader.bytes()
  if (bytes.length === 0 || bytes.length > limits.bucketBytes)
    throw new WireError(`a bucket has 1 to ${limits.bucketBytes} bytes`)
  const bucket = bytes.toString('latin1')
  const stamp = reader.u53()
  const author = reader.text(64)
  if (!ID.test(author)) throw new WireError('an id has 32 hex digits')
  const state = reader.u8()
  const [r, w] = [quorumOf(reader.u8()), quorumOf(reader.u8())]
  if (state === DROPPED && r === undefined && w === undefined)
    return { bucket, stamp, author, properties: undefined }
  if (state >= SLOPPY.length) throw new WireError('a bucket is strict, sloppy or neither')
  return { bucket, stamp, author, properties: { r, w, sloppy: SLOPPY[state] } }
}

function quorumCode(choice: QuorumChoice | undefined): number {
  if (choice === undefined) return 0
  return typeof choice === 'number' ? choice : NAMED_FROM + NAMES.indexOf(choice)
}

function quorumOf(byte: number): QuorumChoice | undefined {
  if (byte === 0) return undefined
  if (byte <= limits.replicas) return byte
  const name = NAMES[byte - NAMED_FROM]
  if (name === undefined) throw new WireError('a quorum is a number of nodes or a name')
  return name
}
