/** `rotunda ring plan`: what a change would move, and how evenly members would be loaded before and after it. */
import { ask } from './ask.js'
import { json } from './refusal.js'
import type { Invocation } from './resolve.js'
import { bytesText, printJson, printLine, table } from './terminal.js'
import { UsageError } from './usage-error.js'

interface Share {
  readonly partitions: number
  readonly due: number
}

interface Plan {
  readonly q: { readonly before: number; readonly after: number }
  readonly n: { readonly before: number; readonly after: number }
  readonly moving: number
  readonly moves: readonly {
    readonly from: string | null
    readonly to: string | null
    readonly partitions: number
    readonly bytes: number | null
  }[]
  readonly movedPartitions: number
  readonly movedBytes: number | null
  readonly bytesKnownOf: number
  readonly members: readonly {
    readonly name: string
    readonly before: Share | null
    readonly after: Share | null
  }[]
}

type Query = Readonly<Record<string, string | undefined>>

/** Of each kind of change: the parameters that its operands are. */
const OPERANDS: Readonly<Record<string, readonly string[]>> = {
  join: ['member'],
  leave: ['member'],
  remove: ['member'],
  replace: ['member', 'by'],
  weight: ['member', 'weight'],
  zone: ['member', 'zone'],
  split: [],
  copies: ['copies'],
}

function queryOf({ operands, given, settings }: Invocation): Query {
  const [change = '', ...values] = operands
  const names = OPERANDS[change]
  if (names === undefined)
    throw new UsageError(`CHANGE is one of ${Object.keys(OPERANDS).join(', ')}, not ${change}`)
  if (values.length !== names.length)
    throw new UsageError(
      `ring plan ${change} takes ${names.length === 0 ? 'nothing more' : names.join(' and ')}`,
    )
  const comes = change === 'join' || change === 'replace'
  const flag = (name: 'weight' | 'zone' | 'partitions', isMeant: boolean) =>
    isMeant && given.has(name) ? { [name]: `${settings[name]}` } : {}
  return {
    change,
    ...flag('weight', comes),
    ...flag('zone', comes),
    ...flag('partitions', change === 'split'),
    ...Object.fromEntries(names.map((name, index) => [name, values[index]])),
  }
}

export async function plan(invocation: Invocation): Promise<number> {
  const { url, timeout: timeoutMs, json: asJson } = invocation.settings
  const query = queryOf(invocation)
  const answer = await ask(url, { method: 'GET', path: '/v1/cluster/plan', query, timeoutMs })
  const content = json<Plan>(answer, url, ['moves', 'members'])
  if (asJson) await printJson(content)
  else await printLine(planText(content))
  return 0
}

function planText(plan: Plan): string {
  const { moves, members, moving } = plan
  const already =
    moving > 0 && `${moving} partitions are on their way already; this begins where they arrive.`
  const moved = table(
    ['FROM', 'TO', 'PARTITIONS', 'BYTES, ABOUT'],
    moves.map(({ from, to, partitions, bytes }) => [
      from ?? '-',
      to ?? '-',
      partitions,
      bytes === null ? 'unknown' : bytesText(bytes),
    ]),
  )
  const shares = table(
    ['NAME', 'PARTITIONS NOW', 'DUE NOW', 'THEN', 'DUE THEN'],
    members.map(({ name, before, after }) => [
      name,
      before?.partitions ?? 0,
      Number((before?.due ?? 0).toFixed(1)),
      after?.partitions ?? 0,
      Number((after?.due ?? 0).toFixed(1)),
    ]),
  )
  const lines = [already, summary(plan), moves.length > 0 && `\n${moved}`, `\n${shares}`, balance(plan)]
  return lines.filter((line) => line !== false).join('\n')
}

function summary({ q, n, movedPartitions, movedBytes, bytesKnownOf }: Plan): string {
  const more = [
    q.before === q.after ? [] : [`there would be ${q.after} partitions instead of ${q.before}`],
    n.before === n.after ? [] : [`N would be ${n.after} instead of ${n.before}`],
  ].flat()
  const head = more.length === 0 ? '' : `${upper(more.join(', and '))}. `
  if (movedPartitions === 0) return `${head}No copy of a partition would go to another member.`
  const basis = `estimated from the ${bytesKnownOf} partitions that the asked node holds`
  const bytes = movedBytes === null ? 'of unknown size' : `about ${bytesText(movedBytes)}, ${basis}`
  const copies = movedPartitions === 1 ? '1 copy of a partition' : `${movedPartitions} copies of partitions`
  return `${head}${upper(copies)} would move: ${bytes}.`
}

function balance({ members }: Plan): string {
  const fullest = (share: (member: Plan['members'][number]) => Share | null) =>
    Math.max(
      ...members.map((member) => {
        const { partitions, due } = share(member) ?? { partitions: 0, due: 0 }
        return due === 0 ? 0 : partitions / due
      }),
    ).toFixed(3)
  const [before, after] = [fullest((member) => member.before), fullest((member) => member.after)]
  return `\nThe fullest member holds ${before} of its due now, ${after} then.`
}

function upper(text: string): string {
  return text.slice(0, 1).toUpperCase() + text.slice(1)
}
