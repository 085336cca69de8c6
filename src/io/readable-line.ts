const RESERVED = new Set(['level', 'time', 'node', 'event'])

/** `12:00:00.000 info  n1 peer-up peer=… address=…`, made from a JSON line. */
export function readableLine(json: string): string {
  const line = JSON.parse(json) as Record<string, unknown>
  const time = String(line.time).slice(11, 23)
  const fields = Object.entries(line).filter(([name]) => !RESERVED.has(name))
  const words = fields.map(([name, value]) => `${name}=${readableValue(value)}`)
  return `${[time, String(line.level).padEnd(5), line.node, line.event, ...words].join(' ')}\n`
}

/** Bare where that cannot be misread; otherwise JSON, in which no control character survives. */
function readableValue(value: unknown): string {
  return typeof value === 'string' && /^[\w.:/@-]+$/.test(value) ? value : JSON.stringify(value)
}
