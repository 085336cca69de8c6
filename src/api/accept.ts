/** The Accept header, as far as it decides something here: the form in which several versions are shown (RFC 9110, section 12.5.1). */

/** How several versions are put into one body. */
export type Form = 'json' | 'multipart'

interface Preference {
  /** 0 … 1; 0 = not wanted. */
  readonly quality: number
  /** 3 named exactly, 2 by its type, 1 by the wildcard for all, 0 not at all. */
  readonly precision: number
}

const MOST_RANGES = 64

function precisionFor(range: string, type: string): number {
  if (range === type) return 3
  if (range === `${type.slice(0, type.indexOf('/'))}/*`) return 2
  return range === '*/*' ? 1 : 0
}

function qualityOf(parameters: readonly string[]): number {
  for (const parameter of parameters) {
    const [name, value] = parameter.split('=', 2)
    if (name?.trim().toLowerCase() !== 'q') continue
    const quality = Number(value?.trim() || Number.NaN)
    return quality >= 0 && quality <= 1 ? quality : 0
  }
  return 1
}

/** What the header says of one media type: its most precise range decides. */
function preferenceFor(accept: string, type: string): Preference {
  let best: Preference = { quality: 0, precision: 0 }
  for (const part of accept.split(',', MOST_RANGES)) {
    const [range = '', ...parameters] = part.split(';')
    const precision = precisionFor(range.trim().toLowerCase(), type)
    if (precision > best.precision) best = { quality: qualityOf(parameters), precision }
  }
  return best
}

/** JSON unless the client prefers multipart/mixed, by quality or, where that is equal, by naming it more precisely. */
export function formFor(accept: string | undefined): Form {
  if (accept === undefined || accept === '*/*') return 'json'
  const multipart = preferenceFor(accept, 'multipart/mixed')
  const json = preferenceFor(accept, 'application/json')
  if (multipart.quality === 0) return 'json'
  if (multipart.quality !== json.quality) return multipart.quality > json.quality ? 'multipart' : 'json'
  return multipart.precision > json.precision ? 'multipart' : 'json'
}
