/** docs/errors.md, made from the table of errors. A test keeps the file equal to this. */
import { ERRORS, type ErrorCode, type ErrorKind } from '../../src/errors.js'

const HEAD = `# Errors

Made from the table in \`src/errors.ts\`; to change it, change the table and run \`UPDATE_DOCS=1 npx ava dist/test/unit/api-errors-page.test.js\`.

Every error over HTTP is \`application/json\`:

\`\`\`json
{"error":{"code":"QUORUM_UNMET","message":"Fewer nodes than required could be reached. …","needed":2,"got":1,"n":3}}
\`\`\`

Decide by \`code\`; \`message\` is for people and may change. Numbers that explain the error stand beside them: \`needed\`, \`got\`, \`n\` with
\`QUORUM_UNMET\`, \`limitBytes\` and \`gotBytes\` where something is too large. The header \`Rotunda-Request-Id\` names the answer; with \`INTERNAL\`
it stands in the node's log.

With \`OVERLOADED\` and \`NOT_READY\` comes \`Retry-After\`, in seconds: wait that long and send the request again as it is. Whoever is told to come
back is told another number than the one before, so that not everybody comes at once.

*Again* says whether the same request, unchanged, may succeed later. *Written* says whether a write that got this answer may have
happened all the same: then send it again with the same \`Rotunda-Operation\`, or read before you decide.

| status | code | again | written | meaning |
| --- | --- | --- | --- | --- |
`

function row([code, kind]: [string, ErrorKind]): string {
  const again = kind.retry ? 'yes' : 'no'
  const written = kind.mayBeWritten ? 'maybe' : 'no'
  return `| ${kind.status} | \`${code}\` | ${again} | ${written} | ${kind.sentence} |`
}

/** The whole page. */
export function errorsPage(): string {
  const kinds = Object.entries(ERRORS) as [ErrorCode, ErrorKind][]
  const byStatus = kinds.sort(([, a], [, b]) => a.status - b.status)
  return `${HEAD}${byStatus.map(row).join('\n')}\n`
}
