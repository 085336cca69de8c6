/** GET /v1/cluster/plan: what a change would move, before anybody makes it. */
import { RotundaError } from '../errors.js'
import { limits } from '../limits.js'
import type { Planned, PlanRequest } from '../node/requests.js'
import { weightIn, zoneIn } from './changes.js'
import type { Exchange } from './exchange.js'
import { sendJson } from './json.js'
import { numberParameter, parseQuery, type Query, textOf, wordParameter } from './query.js'
import { refuseBody } from './values.js'

export const PLAN_PARAMETERS = ['change', 'member', 'by', 'weight', 'zone', 'partitions', 'copies'] as const
type Parameter = (typeof PLAN_PARAMETERS)[number]

export const PLANNED_KINDS = [
  'join',
  'leave',
  'remove',
  'replace',
  'weight',
  'zone',
  'split',
  'copies',
] as const
type Kind = (typeof PLANNED_KINDS)[number]

/** What each kind of change takes: what it must have, and what it may have. */
const TAKES: Readonly<
  Record<Kind, { readonly must: readonly Parameter[]; readonly may: readonly Parameter[] }>
> = {
  join: { must: ['member'], may: ['weight', 'zone'] },
  leave: { must: ['member'], may: [] },
  remove: { must: ['member'], may: [] },
  replace: { must: ['member', 'by'], may: ['weight', 'zone'] },
  weight: { must: ['member', 'weight'], may: [] },
  zone: { must: ['member', 'zone'], may: [] },
  split: { must: [], may: ['partitions'] },
  copies: { must: ['copies'], may: [] },
}

function requestIn(query: Query): PlanRequest {
  const kind = wordParameter(query, 'change', PLANNED_KINDS)
  if (kind === undefined) throw bad(`change says what is planned: ${PLANNED_KINDS.join(', ')}`)
  const { must, may } = TAKES[kind]
  const missing = must.find((name) => !query.has(name))
  if (missing !== undefined) throw bad(`A plan for ${kind} needs the parameter ${missing}`)
  const surplus = [...query.keys()].find(
    (name) => name !== 'change' && ![...must, ...may].includes(name as Parameter),
  )
  if (surplus !== undefined) throw bad(`A plan for ${kind} takes no parameter ${surplus}`)
  return { kind, ...fieldsIn(query) } as PlanRequest
}

/** What is there, in the form that the node takes; which of it has to be was looked at before. */
function fieldsIn(query: Query): Record<string, string | number> {
  const fields: Record<string, string | number> = {}
  const [member, by] = [textOf(query, 'member'), textOf(query, 'by')]
  const [weight, zone] = [textOf(query, 'weight'), textOf(query, 'zone')]
  if (member !== undefined) fields.member = nameIn('member', member)
  if (by !== undefined) fields.by = nameIn('by', by)
  if (weight !== undefined) fields.weight = weightIn(weight.trim() === '' ? weight : Number(weight))
  if (zone !== undefined) fields.zone = zoneIn(zone)
  if (query.has('partitions'))
    fields.partitions = numberParameter(query, 'partitions', 1, limits.partitions, 0)
  if (query.has('copies')) fields.copies = numberParameter(query, 'copies', 1, limits.replicas, 0)
  return fields
}

function nameIn(parameter: string, name: string): string {
  if (name !== '' && name.length <= 64) return name
  throw bad(`${parameter} is the name of a machine`)
}

function bad(message: string): RotundaError {
  return new RotundaError('BAD_PARAM', `${message}.`)
}

export function showPlan(exchange: Exchange): void {
  refuseBody(exchange)
  const request = requestIn(parseQuery(exchange.target, PLAN_PARAMETERS))
  exchange.ask<Planned>(
    (done) => done(exchange.edge.database.plan(request)),
    (planned) => sendJson(exchange, planJson(request.kind, planned)),
  )
}

function planJson(change: Kind, planned: Planned): Record<string, unknown> {
  const { partitions, copies, moving, members, known } = planned
  const moves = planned.moves.map(({ from = null, to = null, partitions: count, bytes = null }) => {
    return { from, to, partitions: count, bytes }
  })
  const sent = planned.moves.filter(({ to }) => to !== undefined)
  return {
    change,
    q: partitions,
    n: copies,
    moving,
    moves,
    movedPartitions: sent.reduce((sum, move) => sum + move.partitions, 0),
    movedBytes: sent.reduce<number | null>(
      (sum, { bytes }) => (sum === null || bytes === undefined ? null : sum + bytes),
      0,
    ),
    bytesKnownOf: known,
    members: members.map(({ name, before = null, after = null }) => ({ name, before, after })),
  }
}
