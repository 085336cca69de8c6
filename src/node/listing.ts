/** Listings under way: each page is a machine of its own kind, because it also reads single keys at quorum. */
import { makeRowKey } from '../kernel/index.js'
import type { ListEffect } from '../protocol/coordinator/list.js'
import { ListMachine } from '../protocol/coordinator/list.js'
import { quorum } from '../protocol/coordinator/quorum.js'
import type { Effect, Input } from '../protocol/effects.js'
import type { Membership } from '../protocol/membership/membership.js'
import { propertiesOf } from './bucket-settings.js'
import type { Coordination } from './coordination.js'
import type { Failure, Listed, ListRequest } from './requests.js'

export interface ListingParts {
  readonly membership: Membership
  readonly coordination: Coordination
  nextId(): number
  perform(effect: Exclude<Effect, { kind: 'done' } | { kind: 'close' }>): void
}

type Done = (outcome: Listed | Failure) => void

interface Page {
  readonly machine: ListMachine
  readonly request: ListRequest
  readonly done: Done
}

export class Listing {
  readonly #parts: ListingParts
  readonly #pages = new Map<number, Page>()
  /** Pages that failed because members were under different tables: begun anew at the next look. */
  #again: { readonly request: ListRequest; readonly done: Done }[] = []

  constructor(parts: ListingParts) {
    this.#parts = parts
  }

  get size(): number {
    return this.#pages.size + this.#again.length
  }

  has(id: number): boolean {
    return this.#pages.has(id)
  }

  begin(request: ListRequest, nowMs: number, done: Done): void {
    const { membership } = this.#parts
    const { ring, self } = membership
    const { bucket, prefix, after, limit, deadlineMs } = request
    const id = this.#parts.nextId()
    const placement = { ring: ring.digest, owners: ring.members, beyond: [] }
    const ownersOf = (key: Uint8Array) => ring.ownersOf(makeRowKey(bucket, key))
    const r = quorum(ring.n)
    const task = {
      id,
      self,
      members: ring.members,
      bucket,
      prefix,
      after,
      limit,
      r,
      n: ring.n,
      spare: ring.owners.reduce((least, { length }) => Math.min(least, length - quorum(length)), ring.n - r),
      placement,
      deadlineMs,
      ownersOf,
    }
    const machine = new ListMachine(task)
    this.#pages.set(id, { machine, request, done })
    this.#run(id, (out) => machine.start(nowMs, out))
  }

  step(id: number, input: Input, nowMs: number): void {
    const machine = this.#pages.get(id)?.machine
    if (machine !== undefined) this.#run(id, (out) => machine.step(input, nowMs, out))
  }

  stepAll(input: Input, nowMs: number): void {
    for (const id of [...this.#pages.keys()]) this.step(id, input, nowMs)
  }

  expire(nowMs: number): void {
    const again = this.#again
    this.#again = []
    for (const { request, done } of again) this.begin(request, nowMs, done)
    for (const [id, { machine }] of [...this.#pages]) {
      if (nowMs >= machine.deadlineMs) this.#run(id, (out) => machine.expire(nowMs, out))
    }
  }

  #run(id: number, step: (out: ListEffect[]) => void): void {
    const out: ListEffect[] = []
    step(out)
    for (const effect of out) this.#perform(id, effect)
  }

  #perform(id: number, effect: ListEffect): void {
    const page = this.#pages.get(id)
    if (page === undefined) return
    if (effect.kind === 'done') this.#ended(page, effect.outcome as Listed | Failure)
    else if (effect.kind === 'close') this.#pages.delete(id)
    else if (effect.kind === 'read-key') this.#readKey(page.machine, id, effect.key, effect.bucket)
    else this.#parts.perform(effect)
  }

  #ended({ machine, request, done }: Page, outcome: Listed | Failure): void {
    const isOver = outcome.status === 'ok' || outcome.code !== 'QUORUM_UNMET' || !machine.isStale
    if (isOver) done(outcome)
    else this.#again.push({ request, done })
  }

  #readKey(machine: ListMachine, id: number, key: Uint8Array, bucket: Uint8Array): void {
    const rowKey = makeRowKey(bucket, key)
    const { deadlineMs } = machine
    const sloppy = propertiesOf(this.#parts.membership, bucket)?.sloppy ?? true
    const order = { rowKey, r: undefined, sloppy, deadlineMs, forwarded: false }
    this.#parts.coordination.read(order, (outcome) => {
      this.#run(id, (out) => machine.keyRead(key, outcome, out))
    })
  }
}
