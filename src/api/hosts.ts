/**
 * Which Host headers this node answers to. A web page can make a browser call any address under the page's own name (DNS rebinding);
 * such a request is told by its Host, so only known names pass. IP literals cannot be rebound, and a node that listens on a wildcard
 * also answers to the address at which the connection arrived.
 */
import { isIPv4, isIPv6 } from 'node:net'
import { limits } from '../limits.js'

/** The longest name of RFC 1035, a dot, a colon and a port: nothing longer is remembered, or looked at. */
const LONGEST_AUTHORITY = 253 + 1 + 1 + 5

/** One spelling of a Host header, understood. */
interface Spelling {
  readonly host: string
  readonly allowed: boolean
}

function isPort(text: string): boolean {
  if (text.length > 5) return false
  for (let at = 0; at < text.length; at++) {
    const code = text.charCodeAt(at)
    if (code < 48 || code > 57) return false
  }
  return text === '' || Number(text) <= 65_535
}

/** The canonical text of an IPv6 address: compressed as WHATWG URL does it, or dotted where it is a mapped IPv4 address. */
function canonicalIpv6(address: string): string {
  const text = new URL(`http://[${address}]/`).hostname.slice(1, -1)
  const mapped = /^::ffff:([0-9a-f]{1,4}):([0-9a-f]{1,4})$/.exec(text)
  if (mapped === null) return text
  const high = Number.parseInt(mapped[1]!, 16)
  const low = Number.parseInt(mapped[2]!, 16)
  return `${high >> 8}.${high & 255}.${low >> 8}.${low & 255}`
}

function isNameCharacter(code: number): boolean {
  return (
    (code >= 97 && code <= 122) || (code >= 48 && code <= 57) || code === 45 || code === 46 || code === 95
  )
}

/** Lower case, without the one dot that may end a full domain name; undefined for what is no host name. */
function canonicalName(text: string): string | undefined {
  const lower = text.toLowerCase()
  const name = lower.endsWith('.') && !isIPv4(lower.slice(0, -1)) ? lower.slice(0, -1) : lower
  if (name === '' || name.length > 253 || name.startsWith('.') || name.endsWith('.')) return undefined
  for (let at = 0; at < name.length; at++) if (!isNameCharacter(name.charCodeAt(at))) return undefined
  return name
}

/** A host without port, in one spelling for each host; undefined where it is none. Brackets around IPv6 may be missing. */
export function canonicalHost(text: string): string | undefined {
  const bare = text.startsWith('[') && text.endsWith(']') ? text.slice(1, -1) : text
  if (bare.includes(':')) return isIPv6(bare) && !bare.includes('%') ? canonicalIpv6(bare) : undefined
  return bare === text ? canonicalName(text) : undefined
}

/** The canonical host of `host[:port]`, any port; undefined where it is malformed. */
export function hostOfAuthority(authority: string): string | undefined {
  const colon = authority.lastIndexOf(':')
  const bracket = authority.lastIndexOf(']')
  const hasPort = colon > bracket
  const host = hasPort ? authority.slice(0, colon) : authority
  if (hasPort && !isPort(authority.slice(colon + 1))) return undefined
  // IPv6 must stand in brackets here: otherwise its last group reads as a port.
  if (host.includes(':') && !host.startsWith('[')) return undefined
  return canonicalHost(host)
}

export function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '::1' || (isIPv4(host) && host.startsWith('127.'))
}

/** Remembers what it understood of each spelling, within a bound: a Host costs one map lookup a request. */
export class Hosts {
  readonly #names = new Set<string>()
  readonly #loopback: boolean
  readonly #wildcard: boolean
  readonly #spellings = new Map<string, Spelling>()

  /** `listen` as given to listen(); `others` are further names, such as the advertised one. None has a port. */
  constructor(listen: string, others: readonly string[]) {
    for (const text of [listen, ...others]) {
      const host = canonicalHost(text)
      if (host !== undefined) this.#names.add(host)
    }
    const host = canonicalHost(listen) ?? ''
    this.#wildcard = host === '0.0.0.0' || host === '::' || host === ''
    this.#loopback = this.#wildcard || isLoopback(host)
  }

  /** May this Host header (or authority of an absolute target) be answered on a connection that arrived at `localAddress`? */
  allows(authority: string, localAddress: string | undefined): boolean {
    if (authority.length > LONGEST_AUTHORITY) return false
    const spelling = this.#spellings.get(authority) ?? this.#learn(authority)
    if (spelling.allowed) return true
    return this.#wildcard && localAddress !== undefined && canonicalHost(localAddress) === spelling.host
  }

  #learn(authority: string): Spelling {
    const host = hostOfAuthority(authority) ?? ''
    const allowed = this.#names.has(host) || (this.#loopback && isLoopback(host))
    const spelling = { host, allowed: host !== '' && allowed }
    if (this.#spellings.size >= limits.hostSpellings) this.#spellings.clear()
    this.#spellings.set(authority, spelling)
    return spelling
  }
}
