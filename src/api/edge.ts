/** What all requests of one HTTP edge share. */
import { limits } from '../limits.js'
import type { Database } from '../node/requests.js'
import type { Clock } from '../ports/clock.js'
import type { Log } from '../ports/log.js'
import { Hosts } from './hosts.js'
import { HttpMeasurements } from './http-measurements.js'
import { TokenSealer } from './sealed-token.js'

/** Bounds of the edge; tests make them small, production takes them from `limits`. */
export interface EdgeBounds {
  readonly clientConnections: number
  readonly headTimeoutMs: number
  readonly requestTimeoutMs: number
  readonly requestTimeoutCheckMs: number
  readonly keepAliveMs: number
  readonly idleSocketMs: number
  readonly lingerBytes: number
  readonly lingerMs: number
  readonly requestsInFlight: number
  readonly requestBytesInFlight: number
  readonly responseBytesInFlight: number
  readonly closeGraceMs: number
  readonly connectionPatienceMs: number
}

export interface EdgeOptions {
  readonly database: Database
  readonly clock: Clock
  readonly log: Log
  /** Lines of the secret file. The first signs tokens, all verify. */
  readonly secrets: readonly Uint8Array[]
  /** Hosts without port that the node answers to, besides those that follow from where it listens. */
  readonly allowedHosts: readonly string[]
  readonly version: string
  readonly nodeName: string
  /** The largest value. Default `limits.valueBytes`. */
  readonly valueBytes?: number
  readonly bounds?: Partial<EdgeBounds>
}

export class Edge {
  readonly database: Database
  readonly clock: Clock
  readonly log: Log
  readonly tokens: TokenSealer
  readonly measurements = new HttpMeasurements()
  readonly bounds: EdgeBounds
  readonly valueBytes: number
  readonly version: string
  readonly nodeName: string
  hosts: Hosts
  /** Once true, every request is refused and every answer closes its connection. */
  closing = false
  /** Requests admitted and not yet answered; their bodies may still be arriving. */
  inFlight = 0
  /** Of them, those given to the database. */
  inProgress = 0
  /** Connections that wait unread. */
  waitingConnections = 0
  /** Bytes of bodies received and not yet answered. */
  requestBytes = 0
  /** Bytes of large answers that their clients have not yet taken. */
  responseBytes = 0
  readonly #allowedHosts: readonly string[]
  readonly #requestIdPrefix: string
  #requests = 0

  constructor(options: EdgeOptions) {
    this.database = options.database
    this.clock = options.clock
    this.log = options.log
    this.tokens = new TokenSealer(options.secrets, () => options.database.clusterId)
    this.bounds = { ...limits, ...options.bounds }
    this.valueBytes = options.valueBytes ?? limits.valueBytes
    this.version = options.version
    this.nodeName = options.nodeName
    this.#allowedHosts = options.allowedHosts
    this.hosts = new Hosts('localhost', this.#allowedHosts)
    // Restarts have other prefixes; the wall clock serves as a name here, not as an order.
    this.#requestIdPrefix = Math.floor(options.clock.wallMs()).toString(36)
  }

  /** Sets which Hosts are answered, by the address on which the edge listens. */
  listensOn(host: string): void {
    this.hosts = new Hosts(host, this.#allowedHosts)
  }

  /** A name for one request in log and answer, made only where it is needed: for errors. */
  requestId(): string {
    this.#requests++
    return `${this.#requestIdPrefix}-${this.#requests.toString(36)}`
  }
}
