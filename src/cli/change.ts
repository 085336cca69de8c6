/** `rotunda leave`, `remove`, `replace`, `weight` and `zone`: ask a node to record what is to become of a member. */
import { ask } from './ask.js'
import { untilMoved } from './moving.js'
import { json } from './refusal.js'
import type { Invocation } from './resolve.js'
import { printJson, printLine } from './terminal.js'
import { UsageError } from './usage-error.js'

interface Changed {
  readonly recorded: true
  readonly moving: number
}

const DONE: Readonly<Record<string, string>> = {
  leave: 'is leaving: it hands over what it holds, and then stops',
  remove: 'is removed, for ever',
  replace: 'is replaced, for ever',
  weight: 'has another weight',
  zone: 'has another zone',
}

async function change(kind: string, { settings, operands }: Invocation, further: object): Promise<number> {
  const { url, timeout: timeoutMs } = settings
  const [member] = operands as [string]
  const body = Buffer.from(JSON.stringify({ member, ...further }))
  const answer = await ask(url, {
    method: 'POST',
    path: `/v1/cluster/${kind}`,
    query: { timeout: timeoutMs?.toString() },
    body,
    timeoutMs,
  })
  const changed = json<Changed>(answer, url, ['recorded', 'moving'])
  if (!settings.json) await printLine(`${member} ${DONE[kind]}. ${movingText(changed.moving)}`)
  if (kind === 'replace' && !settings.json) await printLine(whatNext(further as { by: string }))
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
  const [, by] = invocation.operands as [string, string]
  return change('replace', invocation, { by })
}

function whatNext({ by }: { readonly by: string }): string {
  return `Its place waits for ${by}: start that with "rotunda start --name ${by} --join HOST:PORT" on an empty directory.`
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
