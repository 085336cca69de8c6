import { ask } from './ask.js'
import { kvPath, shownKey } from './kv-path.js'
import type { Invocation } from './resolve.js'
import { reportWrite } from './written.js'

/** `rotunda delete BUCKET KEY`. */
export async function remove({ settings, operands }: Invocation): Promise<number> {
  const [bucket, key] = operands as [string, string]
  const answer = await ask(settings.url, {
    method: 'DELETE',
    path: kvPath(bucket, key),
    query: { w: settings.w, timeout: settings.timeout?.toString() },
    headers: { 'Rotunda-Context': settings.context, 'Rotunda-Operation': settings.operation },
    timeoutMs: settings.timeout,
  })
  await reportWrite(answer, settings, `Deleted ${shownKey(bucket, key)}.`)
  return 0
}
