/** Structured log lines. `event` is a fixed kebab-case name, so that an operator can search for it. Never a value, a secret or a token. */
export interface Log {
  debug(event: string, fields?: Record<string, unknown>): void
  info(event: string, fields?: Record<string, unknown>): void
  warn(event: string, fields?: Record<string, unknown>): void
  error(event: string, fields?: Record<string, unknown>): void
}
