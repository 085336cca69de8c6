/** The error answers of the OpenAPI document, made from the table of errors. */
import { ERRORS, type ErrorCode } from '../errors.js'

type Json = Readonly<Record<string, unknown>>

/** What any request may be answered with, whatever it asks for. */
const ALWAYS: readonly ErrorCode[] = [
  'BAD_REQUEST',
  'BAD_PARAM',
  'METHOD_NOT_ALLOWED',
  'REQUEST_TIMEOUT',
  'URI_TOO_LONG',
  'EXPECTATION_FAILED',
  'BAD_HOST',
  'HEADERS_TOO_LARGE',
  'INTERNAL',
  'NOT_READY',
]

function errorHeaders(codes: readonly ErrorCode[], further: Json): Json {
  return {
    'Rotunda-Request-Id': { $ref: '#/components/headers/RequestId' },
    ...(codes.includes('OVERLOADED') || codes.includes('NOT_READY')
      ? { 'Retry-After': { $ref: '#/components/headers/RetryAfter' } }
      : {}),
    ...(codes.includes('METHOD_NOT_ALLOWED') ? { Allow: { $ref: '#/components/headers/Allow' } } : {}),
    ...further,
  }
}

function errorSchema(codes: readonly ErrorCode[]): Json {
  const code = { properties: { code: { enum: codes } } }
  return { allOf: [{ $ref: '#/components/schemas/Error' }, { properties: { error: code } }] }
}

function describeCode(code: ErrorCode): string {
  const { retry, mayBeWritten, sentence } = ERRORS[code]
  const again = retry ? ' The same request may succeed later.' : ''
  const written = mayBeWritten ? ' A write that got this answer may have happened all the same.' : ''
  return `\`${code}\`: ${sentence}${again}${written}`
}

/**
 * Responses by status for these codes and for those that any request may get. `further` adds headers and schemas by status, `body` is
 * false for HEAD.
 */
export function errorResponses(
  codes: readonly ErrorCode[],
  body: boolean,
  further: Readonly<Record<number, { readonly headers?: Json; readonly schema?: Json }>> = {},
): Json {
  const byStatus = new Map<number, ErrorCode[]>()
  for (const code of [...codes, ...ALWAYS]) {
    const { status } = ERRORS[code]
    byStatus.set(status, [...(byStatus.get(status) ?? []), code])
  }
  const responses: Record<string, unknown> = {}
  for (const [status, ofStatus] of [...byStatus].sort(([a], [b]) => a - b)) {
    const more = further[status]
    const schema = more?.schema ? { allOf: [errorSchema(ofStatus), more.schema] } : errorSchema(ofStatus)
    responses[status] = {
      description: ofStatus.map(describeCode).join('\n\n'),
      headers: errorHeaders(ofStatus, more?.headers ?? {}),
      ...(body ? { content: { 'application/json': { schema } } } : {}),
    }
  }
  return responses
}

export const errorSchemaComponent: Json = {
  type: 'object',
  required: ['error'],
  properties: {
    error: {
      type: 'object',
      description:
        'Numbers that explain the error stand beside the code, such as needed, got, n, limitBytes.',
      required: ['code', 'message'],
      properties: { code: { enum: Object.keys(ERRORS) }, message: { type: 'string' } },
      additionalProperties: { type: 'number' },
    },
    requestId: { type: 'string', description: 'With INTERNAL: find it in the log.' },
  },
}
