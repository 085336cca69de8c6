/** `rotunda leave`, `remove`, `replace`, `weight` and `zone`: ask a node to record what is to become of a member. */
import { ask } from './ask.js'
import { untilMoved } from './moving.js'
import { json } from './refusal.js'
import type { Invocation } from './resolve.js'
import { printJson, printLine } from './terminal.js'
import { UsageError } from './usage-error.js'

/** What a node answers to every kind of change. */
export interface Changed {
  readonly recorded: true
  readonly moving: number
  readonly q: number
  readonly n: number
}

const DONE: Readonly<Record<string, string>> = {
  leave: 'is leaving: it hands over what it holds, and then stops',
  remove: 'is removed, for ever',
  weight: 'has another weight',
  zone: 'has another zone',
}

async function change(kind: string, invocation: Invocation, further: object): Promise<number> {
  const [member] = invocation.operands as [string]
  return record(kind, invocation, { member, ...further }, () => `${member} ${DONE[kind]}.`)
}

/** Asks the node that --url names to record a change; `told` puts into words what has become of it. */
export async function record(
  kind: string,
  { settings }: Invocation,
  wanted: object,
  told: (changed: Changed) => string,
): Promise<number> {
  const { url, timeout: timeoutMs } = settings
  const body = Buffer.from(JSON.stringify(wanted))
  const answer = await ask(url, {
    method: 'POST',
    path: `/v1/cluster/${kind}`,
    query: { timeout: timeoutMs?.toString() },
    body,
    timeoutMs,
  })
  const changed = json<Changed>(answer, url, ['recorded', 'moving'])
  if (!settings.json) await printLine(`${told(changed)} ${movingText(changed.moving)}`)
  if (settings.wait) await untilMoved(url, timeoutMs, settings.json)
  if (settings.json) await printJson(changed)
  return 0
}

function movingText(moving: number): string {
  if (moving === 0) return 'No partition moves.'
  return `${moving === 1 ? '1 partition is' : `${moving} partitions are`} on the way to other owners; "rotunda status" shows how far they are.`
}

export const leave = (invocation: Invocation): Promise<number> => change('leave', invocation, {})

export const removeMember = (invocation: Invocation): Promise<number> => change('remove', invocation, {})

export function replaceMember(invocation: Invocation): Promise<number> {
  const [member, by] = invocation.operands as [string, string]
  const start = `start that with "rotunda start --name ${by} --join HOST:PORT" on an empty directory`
  const told = () => `${member} is replaced, for ever. Its place waits for ${by}: ${start}.`
  return record('replace', invocation, { member, by }, told)
}

export async function weight(invocation: Invocation): Promise<number> {
  const [, text] = invocation.operands as [string, string]
  const number = Number(text)
  if (text.trim() === '' || !(number > 0 && Number.isFinite(number)))
    throw new UsageError(`WEIGHT is a number above 0, not ${text}`)
  return change('weight', invocation, { weight: number })
}

export async function zone(invocation: Invocation): Promise<number> {
  const [, name] = invocation.operands as [string, string]
  return change('zone', invocation, { zone: name })
}
