/**
 * Properties of buckets: what requests for their keys take where they do not say themselves. A setting is answered once it is on this
 * node's disk; the other members hear of it at once, and those that are away when they are back.
 */
import { limits } from '../limits.js'
import type { QuorumChoice } from '../protocol/coordinator/quorum.js'
import type { BucketProperties } from '../protocol/membership/buckets.js'
import type { Membership } from '../protocol/membership/membership.js'
import type { BucketRequest, BucketSet, BucketView, Failure } from './requests.js'

interface Waiting {
  readonly bucket: string
  readonly stamp: number
  readonly deadlineMs: number
  readonly done: (outcome: BucketSet | Failure) => void
}

const UNSET: BucketProperties = { r: undefined, w: undefined, sloppy: undefined }

export class BucketSettings {
  readonly #membership: Membership
  readonly #set: (bucket: string, properties: BucketProperties | undefined) => number
  #waiting: Waiting[] = []

  /** `set` makes the change and gives its stamp. */
  constructor(
    membership: Membership,
    set: (bucket: string, properties: BucketProperties | undefined) => number,
  ) {
    this.#membership = membership
    this.#set = set
  }

  view(bucket: Uint8Array): BucketView {
    const { r, w, sloppy } = propertiesOf(this.#membership, bucket) ?? UNSET
    return { r: r ?? 'quorum', w: w ?? 'quorum', sloppy: sloppy ?? true }
  }

  put({ bucket, properties, deadlineMs }: BucketRequest, done: Waiting['done']): void {
    const { state, ring } = this.#membership
    const { buckets } = state
    const { copies } = ring.table
    const name = nameOf(bucket)
    if (exceeds(properties?.r, copies) || exceeds(properties?.w, copies)) return done(tooMany(copies))
    const known = buckets.some((register) => register.bucket === name)
    if (properties === undefined && !known) return done({ status: 'ok' })
    if (!known && buckets.length >= limits.buckets) return done(tooManyBuckets())
    if (this.#waiting.length >= limits.bucketChanges) return done({ status: 'error', code: 'OVERLOADED' })
    const stamp = this.#set(name, properties === undefined ? undefined : { ...UNSET, ...properties })
    this.#waiting.push({ bucket: name, stamp, deadlineMs, done })
  }

  /** The membership state in force is another one. */
  adopted(): void {
    const waiting = this.#waiting
    if (waiting.length === 0) return
    this.#waiting = []
    for (const one of waiting) {
      if (this.#isInForce(one)) one.done({ status: 'ok' })
      else this.#waiting.push(one)
    }
  }

  /** Call often. */
  expire(nowMs: number): void {
    const late = this.#waiting.filter(({ deadlineMs }) => deadlineMs <= nowMs)
    if (late.length === 0) return
    this.#waiting = this.#waiting.filter(({ deadlineMs }) => deadlineMs > nowMs)
    const message = 'The setting was not written here in time; it may still be.'
    for (const { done } of late) done({ status: 'error', code: 'TIMEOUT', message })
  }

  #isInForce({ bucket, stamp }: Waiting): boolean {
    return this.#membership.state.buckets.some((one) => one.bucket === bucket && one.stamp >= stamp)
  }
}

/** What is set for a bucket, if anything is. */
export function propertiesOf(membership: Membership, bucket: Uint8Array): BucketProperties | undefined {
  const { buckets } = membership
  return buckets.size === 0 ? undefined : buckets.get(nameOf(bucket))
}

/** A number above the copies in force means all of them: there may be fewer members than the N that it was set under. */
export function withinReach(choice: QuorumChoice | undefined, n: number): QuorumChoice | undefined {
  return typeof choice === 'number' ? Math.min(choice, n) : choice
}

function nameOf({ buffer, byteOffset, length }: Uint8Array): string {
  return Buffer.from(buffer, byteOffset, length).toString('latin1')
}

function exceeds(choice: QuorumChoice | undefined, n: number): boolean {
  return typeof choice === 'number' && choice > n
}

function tooMany(n: number): Failure {
  const message = `r and w are 1 to ${n}, or one, quorum or all; nothing was changed.`
  return { status: 'error', code: 'BAD_PARAM', message, numbers: { n } }
}

function tooManyBuckets(): Failure {
  const message = `A cluster keeps properties for at most ${limits.buckets} buckets, dropped ones included; nothing was changed.`
  return { status: 'error', code: 'BAD_PARAM', message, numbers: { limit: limits.buckets } }
}
