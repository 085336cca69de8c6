/**
 * The fields of a request's head that this edge looks at, found in one walk over the raw ones. Node would make an object of all of them, with
 * names in lower case, before it calls anybody; for a name that it does not know (ours) that costs it several copies of the name.
 */
import { META_PREFIX } from './representation.js'

/** Is `name` the field that is usually written so, or `lower` in any other case? */
function is(name: string, usual: string, lower: string): boolean {
  return name === usual || name === lower || (name.length === lower.length && name.toLowerCase() === lower)
}

/** Lines of one name as HTTP joins them (RFC 9110, section 5.3). */
function joined(before: string | undefined, value: string): string {
  return before === undefined ? value : `${before}, ${value}`
}

/** Does `name` begin with Rotunda-Meta-, in any case? */
export function isMeta(name: string): boolean {
  return (
    name.length >= META_PREFIX.length &&
    (name.charCodeAt(0) | 32) === 114 &&
    name.slice(0, META_PREFIX.length).toLowerCase() === META_PREFIX
  )
}

/** Values by the names, and joined or dropped where a line is repeated, as in Node's `headers`; undefined where there is no such line. */
export class HeadFields {
  host: string | undefined = undefined
  expect: string | undefined = undefined
  accept: string | undefined = undefined
  connection: string | undefined = undefined
  'content-length': string | undefined = undefined
  'transfer-encoding': string | undefined = undefined
  'content-type': string | undefined = undefined
  'content-encoding': string | undefined = undefined
  'content-range': string | undefined = undefined
  'if-match': string | undefined = undefined
  'if-none-match': string | undefined = undefined
  'if-modified-since': string | undefined = undefined
  'if-unmodified-since': string | undefined = undefined
  'rotunda-context': string | undefined = undefined
  'rotunda-operation': string | undefined = undefined
}

/** What a head says. */
export class Head {
  readonly fields = new HeadFields()
  /** Lines of the Host field: with two, whoever stands before this node may have believed the other one. */
  hosts = 0
  /** There are two different Content-Type lines. */
  hasTwoTypes = false
  /** There are Rotunda-Meta- lines. */
  hasMeta = false
  /** Bytes of all lines in their plain spelling: one space behind each colon, a line end (RFC 9112, section 5). */
  linesBytes = 0

  constructor(rawHeaders: readonly string[]) {
    for (let at = 0; at + 1 < rawHeaders.length; at += 2) {
      const name = rawHeaders[at]!
      const value = rawHeaders[at + 1]!
      this.linesBytes += name.length + value.length + 4
      this.#take(name, value)
    }
  }

  #take(name: string, value: string): void {
    const { fields } = this
    switch (name.length) {
      case 4:
        if (is(name, 'Host', 'host')) {
          this.hosts++
          fields.host ??= value
        }
        return
      case 6:
        if (is(name, 'Accept', 'accept')) fields.accept = joined(fields.accept, value)
        else if (is(name, 'Expect', 'expect')) fields.expect = joined(fields.expect, value)
        return
      case 8:
        if (is(name, 'If-Match', 'if-match')) fields['if-match'] = joined(fields['if-match'], value)
        return
      case 10:
        if (is(name, 'Connection', 'connection')) fields.connection = joined(fields.connection, value)
        return
      case 12:
        if (is(name, 'Content-Type', 'content-type')) this.#takeType(value)
        return
      case 14:
        if (is(name, 'Content-Length', 'content-length')) fields['content-length'] ??= value
        else this.#takeMeta(name)
        return
      case 15:
        if (is(name, 'Rotunda-Context', 'rotunda-context'))
          fields['rotunda-context'] = joined(fields['rotunda-context'], value)
        else this.#takeMeta(name)
        return
      default:
        if (name.length > 12) this.#takeRare(name, value)
    }
  }

  #takeType(value: string): void {
    const { fields } = this
    if (fields['content-type'] === undefined) fields['content-type'] = value
    else if (fields['content-type'] !== value) this.hasTwoTypes = true
  }

  #takeMeta(name: string): void {
    if (!this.hasMeta) this.hasMeta = isMeta(name)
  }

  #takeRare(name: string, value: string): void {
    const { fields } = this
    if (is(name, 'Content-Encoding', 'content-encoding'))
      fields['content-encoding'] = joined(fields['content-encoding'], value)
    else if (is(name, 'Transfer-Encoding', 'transfer-encoding'))
      fields['transfer-encoding'] = joined(fields['transfer-encoding'], value)
    else if (is(name, 'Rotunda-Operation', 'rotunda-operation'))
      fields['rotunda-operation'] = joined(fields['rotunda-operation'], value)
    else if (is(name, 'If-None-Match', 'if-none-match'))
      fields['if-none-match'] = joined(fields['if-none-match'], value)
    else if (is(name, 'If-Modified-Since', 'if-modified-since')) fields['if-modified-since'] ??= value
    else if (is(name, 'If-Unmodified-Since', 'if-unmodified-since')) fields['if-unmodified-since'] ??= value
    else if (is(name, 'Content-Range', 'content-range'))
      fields['content-range'] = joined(fields['content-range'], value)
    else this.#takeMeta(name)
  }
}
