/** The schemas of what operators do with members. */
type Json = Readonly<Record<string, unknown>>

const MEMBER: Json = { type: 'string', description: 'Its name, or its id.' }

function changeOf(further: Json = {}): Json {
  return {
    type: 'object',
    required: ['member', ...Object.keys(further)],
    additionalProperties: false,
    properties: { member: MEMBER, ...further },
  }
}

export const changeSchemas: Json = {
  MemberNamed: changeOf(),
  MemberWeight: changeOf({ weight: { type: 'number', minimum: 1e-6, maximum: 1e6 } }),
  MemberZone: changeOf({ zone: { type: 'string', maxLength: 64 } }),
  Changed: {
    type: 'object',
    required: ['recorded', 'moving'],
    properties: { recorded: { const: true }, moving: { type: 'integer', minimum: 0 } },
  },
}
