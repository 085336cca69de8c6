import { createReadStream } from 'node:fs'
import { limits } from '../limits.js'
import { ask, Fault } from './ask.js'
import { kvPath, shownKey } from './kv-path.js'
import type { Invocation } from './resolve.js'
import { UsageError } from './usage-error.js'
import { reportWrite } from './written.js'

/** `rotunda put BUCKET KEY [VALUE]`: stores the argument, a file or standard input. */
export async function put({ settings, operands }: Invocation): Promise<number> {
  const [bucket, key, argument] = operands as [string, string, string | undefined]
  const body = await valueBytes(argument, settings.file)
  const meta = settings.meta.map(([name, value]) => [`Rotunda-Meta-${name}`, value] as const)
  const answer = await ask(settings.url, {
    method: 'PUT',
    path: kvPath(bucket, key),
    query: { w: settings.w, timeout: settings.timeout?.toString() },
    headers: {
      'Content-Type': settings.contentType,
      'Rotunda-Context': settings.context,
      'Rotunda-Operation': settings.operation,
      ...Object.fromEntries(meta),
    },
    body,
    timeoutMs: settings.timeout,
  })
  await reportWrite(answer, settings, `Stored ${body.length} bytes at ${shownKey(bucket, key)}.`)
  return 0
}

async function valueBytes(argument: string | undefined, file: string | undefined): Promise<Buffer> {
  if (argument !== undefined && file !== undefined) {
    throw new UsageError('put takes the value from the argument or from --file, not from both')
  }
  if (argument !== undefined) return Buffer.from(argument)
  if (file !== undefined) return readAll(createReadStream(file), file)
  if (process.stdin.isTTY) process.stderr.write('Type the value; end it with Ctrl-D on a line of its own.\n')
  return readAll(process.stdin, 'standard input')
}

/** Everything, but not more than any node would take. */
async function readAll(source: AsyncIterable<Buffer>, name: string): Promise<Buffer> {
  const parts: Buffer[] = []
  let bytes = 0
  try {
    for await (const part of source) {
      bytes += part.length
      if (bytes > limits.valueBytesCeiling) break
      parts.push(part)
    }
  } catch (error) {
    throw new Fault(`${name} cannot be read (${(error as NodeJS.ErrnoException).code})`)
  }
  if (bytes <= limits.valueBytesCeiling) return Buffer.concat(parts)
  throw new Fault(`${name} is larger than any value can be (${limits.valueBytesCeiling} bytes)`)
}
