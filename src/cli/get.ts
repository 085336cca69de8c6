import { type Answer, ask, Fault } from './ask.js'
import { kvPath, shownKey } from './kv-path.js'
import { json, refusal } from './refusal.js'
import type { Invocation } from './resolve.js'
import { complain, personReads, print, printJson } from './terminal.js'

/** `rotunda get BUCKET KEY`: the value's bytes on standard output, or every version as JSON. */
export async function get({ settings, operands }: Invocation): Promise<number> {
  const [bucket, key] = operands as [string, string]
  const every = settings.versions || settings.json
  const answer = await ask(settings.url, {
    method: 'GET',
    path: kvPath(bucket, key),
    query: { r: settings.r, timeout: settings.timeout?.toString(), versions: every ? 'true' : undefined },
    headers: { Accept: every ? 'application/json' : '*/*' },
    timeoutMs: settings.timeout,
  })
  if (settings.showContext) showContext(answer)
  const name = shownKey(bucket, key)
  if (answer.status === 404 && isMissing(answer)) {
    const fault = new Fault(`nothing is stored at ${name}`)
    if (!every || !answer.body.includes('"versions"')) throw fault
    await printJson(json<{ versions: unknown }>(answer, settings.url, ['versions']))
    throw fault
  }
  if (every) await printJson(json<{ versions: unknown }>(answer, settings.url, ['versions']))
  else if (answer.status === 200) await printValue(answer.body)
  else if (answer.status === 300) {
    const { versions } = json<{ versions: unknown[] }>(answer, settings.url, ['versions'])
    throw new Fault(severalVersions(versions, name))
  } else throw refusal(answer, settings.url)
  return 0
}

/** A node says so in its own form, and what it says of a key varies by Accept; anything else that answers 404 is no node, or none at this path. */
function isMissing({ headers, body }: Answer): boolean {
  const isOurs =
    headers['content-type']?.startsWith('application/json') === true && body.includes('"NOT_FOUND"')
  return isOurs && headers.vary?.toLowerCase().includes('accept') === true
}

function showContext({ headers }: Answer): void {
  const context = headers['rotunda-context']
  if (typeof context === 'string') process.stderr.write(`context: ${context}\n`)
  else complain('this answer has no context: nothing was ever known of the key')
}

/** On a terminal the prompt should not follow the value on its last line. */
async function printValue(body: Buffer): Promise<void> {
  await print(body)
  if (personReads() && body.at(-1) !== 0x0a) await print('\n')
}

function severalVersions(versions: readonly unknown[], name: string): string {
  return (
    `${name} has ${versions.length} concurrent versions: see them with --versions, ` +
    'then put the merged value with --context'
  )
}
