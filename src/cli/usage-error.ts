/** Arguments or configuration that cannot be used: one line on standard error, exit code 2. */
export class UsageError extends Error {
  override name = 'UsageError'
}
