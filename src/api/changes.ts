/** What operators do with members: POST /v1/cluster/leave, remove, replace, weight and zone, each with the member's name or id in a JSON object. */
import { RotundaError } from '../errors.js'
import { MAX_WEIGHT, MAX_ZONE_BYTES, MIN_WEIGHT } from '../kernel/index.js'
import { LABEL_PATTERN } from '../limits.js'
import type { Changed, ChangeRequest, ClusterChangeRequest } from '../node/requests.js'
import { readBody } from './body.js'
import { objectIn } from './buckets.js'
import type { Exchange } from './exchange.js'
import { sendJson } from './json.js'
import { parseQuery, timeoutParameter } from './query.js'

export const CHANGE_PARAMETERS = ['timeout'] as const

export const CHANGE_KINDS = ['leave', 'remove', 'replace', 'weight', 'zone'] as const
type ChangeKind = (typeof CHANGE_KINDS)[number]

const BODY_BYTES = 4 * 1024
const NAME = new RegExp(LABEL_PATTERN)

const EXAMPLES: Readonly<Record<ChangeKind, string>> = {
  leave: '{"member":"n2"}',
  remove: '{"member":"n2"}',
  replace: '{"member":"n2","by":"n4"}',
  weight: '{"member":"n2","weight":2}',
  zone: '{"member":"n2","zone":"a"}',
}

export function badChange(message: string): RotundaError {
  return new RotundaError('BAD_PARAM', `${message}; nothing was changed.`)
}

function requestIn(kind: ChangeKind, body: Uint8Array): Omit<ChangeRequest, 'deadlineMs'> {
  const { member, weight, zone, by, ...others } = objectIn(body, EXAMPLES[kind])
  const surplus = [...Object.keys(others), ...surplusOf(kind, { weight, zone, by })]
  if (surplus.length > 0) throw badChange(`${kind} takes no ${JSON.stringify(surplus[0]!.slice(0, 40))}`)
  if (typeof member !== 'string' || member === '') throw badChange('member is the name or the id of a member')
  if (kind === 'weight') return { kind, member, weight: weightIn(weight) }
  if (kind === 'zone') return { kind, member, zone: zoneIn(zone) }
  if (kind === 'replace') return { kind, member, by: nameIn(by) }
  return { kind, member }
}

/** Of each field, which kind of change takes it. */
const TAKEN_BY = { weight: 'weight', zone: 'zone', by: 'replace' } as const

function surplusOf(kind: ChangeKind, given: Record<keyof typeof TAKEN_BY, unknown>): string[] {
  const names = Object.keys(TAKEN_BY) as (keyof typeof TAKEN_BY)[]
  return names.filter((name) => given[name] !== undefined && kind !== TAKEN_BY[name])
}

function nameIn(by: unknown): string {
  if (typeof by === 'string' && NAME.test(by)) return by
  throw badChange('by is the name of the new machine: 1 to 64 letters, digits, dots, hyphens and underscores')
}

export function weightIn(weight: unknown): number {
  if (typeof weight === 'number' && weight >= MIN_WEIGHT && weight <= MAX_WEIGHT) return weight
  throw badChange(`weight is a number from ${MIN_WEIGHT} to ${MAX_WEIGHT}`)
}

export function zoneIn(zone: unknown): string {
  if (typeof zone === 'string' && Buffer.byteLength(zone) <= MAX_ZONE_BYTES) return zone
  throw badChange(`zone is a text of at most ${MAX_ZONE_BYTES} bytes`)
}

export function postChange(kind: ChangeKind): (exchange: Exchange) => void {
  return recordChange((body) => requestIn(kind, body))
}

type Wanted = Omit<ChangeRequest, 'deadlineMs'> | Without<ClusterChangeRequest>
type Without<Request> = Request extends unknown ? Omit<Request, 'deadlineMs'> : never

/** Has the change recorded that a body asks for, which `requestIn` reads. */
export function recordChange(requestIn: (body: Uint8Array) => Wanted): (exchange: Exchange) => void {
  return (exchange) => {
    const { edge, target } = exchange
    const timeoutMs = timeoutParameter(parseQuery(target, CHANGE_PARAMETERS))
    exchange.admit()
    readBody(
      exchange,
      BODY_BYTES,
      (body) => {
        const request = { ...requestIn(body), deadlineMs: edge.clock.monotonicMs() + timeoutMs }
        exchange.ask<Changed>(
          (done) => edge.database.change(request, done),
          ({ moving, partitions, copies }) =>
            sendJson(exchange, { recorded: true, moving, q: partitions, n: copies }),
        )
      },
      'A change',
    )
  }
}
