/** From the text of a setting to its value. Each parser throws a UsageError that goes on after the setting's name: "--n" + " wants …". */
import { BlockList, isIP } from 'node:net'
import { LABEL_PATTERN } from '../limits.js'
import { UsageError } from './usage-error.js'

export type Parser<T> = (text: string) => T

function wants(what: string, text: string): never {
  throw new UsageError(`wants ${what}, not ${JSON.stringify(text)}`)
}

export interface HostPort {
  /** Without brackets. */
  readonly host: string
  readonly port: number
}

/** `host:port` as it appears in URLs: IPv6 addresses in brackets. */
export function hostPortText({ host, port }: HostPort): string {
  return isIP(host) === 6 ? `[${host}]:${port}` : `${host}:${port}`
}

const WANTED_ADDRESS = 'HOST:PORT, such as 127.0.0.1:7400 or [::1]:7400'

/** Any letters, digits, dots and hyphens may be a name of a host; whether it is one shows when it is looked up. */
const HOST_NAME = /^[A-Za-z0-9_]([A-Za-z0-9_.-]{0,251}[A-Za-z0-9_.])?$/

export function hostPort(text: string): HostPort {
  const match = /^(?:\[([^\]]*)\]|([^:]*)):(\d{1,5})$/.exec(text)
  if (match === null) return wants(WANTED_ADDRESS, text)
  const port = Number(match[3])
  if (port > 65_535) return wants(WANTED_ADDRESS, text)
  const [, inBrackets, plain] = match
  const host = inBrackets ?? plain ?? ''
  const known = inBrackets === undefined ? isIP(host) === 4 || HOST_NAME.test(host) : isIP(host) === 6
  return known ? { host, port } : wants(WANTED_ADDRESS, text)
}

/** An address that others are told: port 0 makes no sense there. */
export function reachableHostPort(text: string): HostPort {
  const address = hostPort(text)
  return address.port === 0 ? wants('a port from 1 to 65535', text) : address
}

export function hostPortList(text: string): readonly HostPort[] {
  return text
    .split(',')
    .map((part) => part.trim())
    .filter((part) => part !== '')
    .map(reachableHostPort)
}

const loopback = new BlockList()
loopback.addSubnet('127.0.0.0', 8, 'ipv4')
loopback.addAddress('::1', 'ipv6')

/** 127.0.0.0/8, ::1 and the name localhost: nobody on another machine reaches them. */
export function isLoopback(host: string): boolean {
  const version = isIP(host)
  if (version === 0) return host.toLowerCase() === 'localhost'
  return loopback.check(host, version === 4 ? 'ipv4' : 'ipv6')
}

/** Addresses that mean "all of this machine's": something to listen on, nothing to connect to. */
export function isWildcard(host: string): boolean {
  return host === '0.0.0.0' || (isIP(host) === 6 && new URL(`http://[${host}]`).hostname === '[::]')
}

export function integer(least: number, most: number): Parser<number> {
  return (text) => {
    const value = /^\d{1,15}$/.test(text) ? Number(text) : Number.NaN
    return value >= least && value <= most ? value : wants(`a whole number from ${least} to ${most}`, text)
  }
}

export function powerOfTwo(most: number): Parser<number> {
  return (text) => {
    const value = /^\d{1,15}$/.test(text) ? Number(text) : 0
    const fits = value >= 1 && value <= most && Number.isInteger(Math.log2(value))
    return fits ? value : wants(`a power of two from 1 to ${most}`, text)
  }
}

/** Greater than 0. */
export function positive(most: number): Parser<number> {
  return (text) => {
    const value = /^\d{1,9}(\.\d{1,6})?$/.test(text) ? Number(text) : 0
    return value > 0 && value <= most ? value : wants(`a number above 0 and up to ${most}`, text)
  }
}

const UNITS = new Map([
  ['', 1],
  ['b', 1],
  ['kib', 1024],
  ['mib', 1024 ** 2],
  ['gib', 1024 ** 3],
])

/** Bytes, with an optional unit: 4096, 64KiB, 1MiB, 2GiB. */
export function bytes(least: number, most: number): Parser<number> {
  return (text) => {
    const match = /^(\d{1,15}) ?([A-Za-z]*)$/.exec(text)
    const value = Number(match?.[1]) * (UNITS.get(match?.[2]?.toLowerCase() ?? '') ?? Number.NaN)
    return value >= least && value <= most
      ? value
      : wants(`a size from ${bytesText(least)} to ${bytesText(most)}`, text)
  }
}

export function bytesText(value: number): string {
  for (const [unit, size] of [
    ['GiB', 1024 ** 3],
    ['MiB', 1024 ** 2],
    ['KiB', 1024],
  ] as const) {
    if (value >= size && value % size === 0) return `${value / size}${unit}`
  }
  return String(value)
}

export function oneOf<const T extends string>(...choices: readonly T[]): Parser<T> {
  return (text) => choices.find((choice) => choice === text) ?? wants(`one of ${choices.join(', ')}`, text)
}

const LABEL = new RegExp(LABEL_PATTERN)

/** A name of a node or zone. */
export function label(text: string): string {
  return LABEL.test(text)
    ? text
    : wants('1 to 64 letters, digits, dots, hyphens and underscores, the first a letter or digit', text)
}

export function path(text: string): string {
  return text === '' || text.includes('\0') ? wants('a path', text) : text
}

/** Anything that can be sent in an HTTP header. */
export function headerText(text: string): string {
  return /^[\t\x20-\x7e]+$/.test(text) ? text : wants('visible ASCII characters', text)
}

export function toggle(text: string): boolean {
  switch (text.toLowerCase()) {
    case 'true':
    case 'yes':
    case 'on':
    case '1':
      return true
    case 'false':
    case 'no':
    case 'off':
    case '0':
      return false
    default:
      return wants('true or false', text)
  }
}

/** R or W of one request; whether a number is within N is for the node to say. */
export function quorum(text: string): string {
  return /^([1-9]\d?|one|quorum|all)$/.test(text)
    ? text
    : wants('a number of nodes, or one, quorum, all', text)
}

export function nodeUrl(text: string): URL {
  const full = /^[a-z][a-z0-9+.-]*:\/\//i.test(text) ? text : `http://${text}`
  const url = URL.canParse(full) ? new URL(full) : undefined
  const usable = url !== undefined && /^https?:$/.test(url.protocol) && url.search === '' && url.hash === ''
  return usable ? url : wants("a node's URL, such as http://127.0.0.1:7400", text)
}

/** `name=value`, sent as the header Rotunda-Meta-name. */
export function metaPair(text: string): readonly (readonly [string, string])[] {
  const match = /^([!#$%&'*+.^_`|~0-9A-Za-z-]{1,100})=([\x20-\x7e]*)$/.exec(text)
  return match === null ? wants('NAME=VALUE of ASCII characters', text) : [[match[1]!, match[2]!]]
}
