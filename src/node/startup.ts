/**
 * From a directory to a member: open the storage, find out who this directory is, and resume, begin a cluster, or ask to join one. A
 * directory that cannot be read, or that lost who it was, never starts as if it were empty.
 */
import { limits } from '../limits.js'
import type { Trees } from '../protocol/entropy/trees.js'
import { farewell } from '../protocol/membership/replacement.js'
import type { ClusterState, MemberFacts } from '../protocol/membership/state.js'
import { mergeStates, removed } from '../protocol/membership/state.js'
import { decodeState, encodeState } from '../protocol/membership/state-codec.js'
import { tableOf } from '../protocol/membership/table.js'
import { asFacts } from '../protocol/membership/versions.js'
import { ReapHistory } from '../protocol/reaping/history.js'
import { WireError } from '../wire/bytes.js'
import type { JoinAnswer } from '../wire/messages.js'
import { rangeText, SPEAKS, type Speaks } from '../wire/versions.js'
import type { OpenReport, RowRead, StorageGuard } from './guard/index.js'
import type { NodeOptions, NodePorts, StartFailure } from './options.js'
import type { Identity } from './records.js'
import { decodeIdentity, encodeIdentity, RECORDS } from './records.js'
import { loadTrees, saysIndexHasGaps } from './tree-keeper.js'

const DEFAULT_N = 3
const DEFAULT_PARTITIONS = 256

/** Everything that a running node starts from. */
export interface Started {
  readonly report: OpenReport
  readonly state: ClusterState
  readonly own: MemberFacts
  readonly hasRows: boolean
  readonly freshlyJoined: boolean
  /** The membership was lost with other rows: nothing is served before a member was heard. */
  readonly forgotOthers: boolean
  /** Index rows may have been lost with a damaged table. */
  readonly indexHasGaps: boolean
  /** Progress of a rebuild that was under way. */
  readonly rebuild: Uint8Array | undefined
  readonly trees: Trees
  /** Undefined where none is kept. */
  readonly history: ReapHistory | undefined
}

export interface StartupListener {
  /** No cluster is known here: ask to join with this id, then call `joined`. */
  join(nodeId: string, report: OpenReport): void
  started(started: Started): void
  failed(failure: StartFailure): void
}

export class Startup {
  readonly #ports: NodePorts
  readonly #options: NodeOptions
  readonly #guard: StorageGuard
  readonly #listener: StartupListener
  #report: OpenReport | undefined
  #hasRows = false
  #treesRecord: RowRead
  #history: ReapHistory | undefined
  #indexHasGaps = false
  /** What keeps a record from being read, by its name. */
  readonly #damage = new Map<string, string>()

  constructor(ports: NodePorts, options: NodeOptions, guard: StorageGuard, listener: StartupListener) {
    this.#ports = ports
    this.#options = options
    this.#guard = guard
    this.#listener = listener
  }

  begin(): void {
    this.#guard.open((failure, report) => {
      if (report === undefined) {
        this.#listener.failed({
          kind: 'fault',
          message: failure?.message ?? 'The storage could not be opened.',
        })
        return
      }
      this.#report = report
      this.#hasRows = report.hasRows
      this.#readRecords((records) => this.#decide(records))
    })
  }

  /** The cluster let this node in: from now on it is who the answer says, and may be sent rows of the storage version in use there. */
  joined(answer: JoinAnswer, storageInUse: number, report: OpenReport): void {
    const { nodeId, bootBase } = answer
    const storage = Math.max(storageInUse, this.#speaks.storage.min)
    const identity = { nodeId, name: this.#options.name, bootBase, storage }
    const state = decodeState(answer.state)
    this.#keep(identity, state, () =>
      this.#start(identity, state, report, report.incarnation, true, undefined),
    )
  }

  #readRecords(done: (records: readonly RowRead[]) => void): void {
    const names: string[] = [RECORDS.identity, RECORDS.membership, RECORDS.rebuild, RECORDS.trees]
    if (this.#options.reapHistory) names.push(RECORDS.reaped)
    const records: RowRead[] = []
    const next = (): void => {
      const name = names[records.length]
      if (name === undefined) return done(records)
      this.#guard.readSystem(name, (value, why) => {
        records.push(value)
        if (why !== undefined) this.#damage.set(name, why)
        next()
      })
    }
    next()
  }

  #decide([identity, membership, rebuild, trees, reaped]: readonly RowRead[]): void {
    const report = this.#report!
    this.#treesRecord = trees
    this.#history = report.lost === 'nothing' ? knownHistory(reaped, report) : undefined
    this.#indexHasGaps = saysIndexHasGaps(trees)
    if (identity === 'unreadable' || membership === 'unreadable') return this.#fail(this.#nobody())
    if (identity !== undefined && membership !== undefined) {
      this.#resume(identity, membership, rebuild === 'unreadable' ? undefined : rebuild, report)
    } else if (this.#hasRows) this.#fail(this.#nobody())
    else if (this.#options.join.length > 0) this.#listener.join(this.#hex(16), report)
    else if (report.lost !== 'nothing') this.#fail(LOST)
    else this.#bear(report)
  }

  #resume(
    identityBytes: Uint8Array,
    stateBytes: Uint8Array,
    rebuild: Uint8Array | undefined,
    report: OpenReport,
  ): void {
    let identity: Identity
    let state: ClusterState
    try {
      identity = decodeIdentity(identityBytes)
      const unreadable = this.#unreadable(identity)
      if (unreadable !== undefined) return this.#fail(unreadable)
      state = decodeState(stateBytes)
    } catch (error) {
      return this.#fail(this.#nobody((error as Error).message))
    }
    if (removed(state).includes(identity.nodeId))
      return this.#listener.failed({ kind: 'removed', message: farewell(state, identity.nodeId) })
    const wrong = this.#contradiction(identity, state)
    if (wrong !== undefined) this.#listener.failed({ kind: 'config', message: wrong })
    else this.#start(identity, state, report, this.#hex(8), false, rebuild)
  }

  /** The directory does not say whose it is. */
  #nobody(why?: string): string {
    const found = [RECORDS.identity, RECORDS.membership].flatMap((name) => this.#damage.get(name) ?? [])
    const reason = why ?? found[0] ?? 'one of the two is missing'
    return `${UNREADABLE} cannot be read (${reason.replaceAll(/\s+/g, ' ').trim()}). ${WHAT_TO_DO}`
  }

  get #speaks(): Speaks {
    return this.#options.speaks ?? SPEAKS
  }

  /** The directory was written by a build whose storage versions this one does not know, or does not know any more. */
  #unreadable({ storage }: Identity): string | undefined {
    const range = this.#speaks.storage
    if (storage >= range.min && storage <= range.max) return undefined
    const { build = '' } = this.#options
    const own = build === '' ? 'this build' : `this build (Rotunda ${build})`
    const word = storage > range.max ? 'a later' : 'an earlier'
    return `This data directory is of storage version ${storage}, and ${own} reads ${rangeText(range)}. It is left untouched: start it with ${word} build.`
  }

  /** What was asked for and what the directory says do not go together. */
  #contradiction(identity: Identity, { birth, changes }: ClusterState): string | undefined {
    const { name, n, partitions } = this.#options
    const now = tableOf(birth, changes)
    if (identity.name !== name)
      return `This data directory belongs to the node named ${identity.name}, not ${name}.`
    // What holds now, or what the cluster began with: a configuration may say either.
    if (n !== undefined && n !== birth.n && n !== now.copies)
      return `The cluster was begun with n = ${birth.n}${laterText(birth.n, now.copies)}; it cannot be started with n = ${n}.`
    if (partitions !== undefined && partitions !== birth.partitions && partitions !== now.partitions) {
      const has = `${birth.partitions} partitions${laterText(birth.partitions, now.partitions)}`
      return `The cluster was begun with ${has}; it cannot be started with ${partitions}.`
    }
    return undefined
  }

  /** A new cluster of one. */
  #bear(report: OpenReport): void {
    const { name, n = DEFAULT_N, partitions = DEFAULT_PARTITIONS, weight, zone } = this.#options
    const bad = birthProblem(n, partitions)
    if (bad !== undefined) return this.#listener.failed({ kind: 'config', message: bad })
    const identity = { nodeId: this.#hex(16), name, bootBase: 0, storage: this.#speaks.storage.min }
    const bornMs = Math.max(0, Math.floor(this.#ports.clock.wallMs()))
    const { nodeId } = identity
    const join = {
      stamp: 1,
      author: nodeId,
      kind: 'join',
      member: nodeId,
      weight,
      zone,
      atMs: bornMs,
      after: [],
    } as const
    const session = this.#hex(8)
    if (this.#options.reapHistory) this.#history = new ReapHistory(this.#hex(8), true, report.boot)
    const facts = this.#facts(identity, report, session, false)
    const state = {
      birth: { clusterId: this.#hex(16), n, partitions, bornMs },
      changes: [join],
      buckets: [],
      facts: [facts],
    }
    this.#keep(identity, state, () => this.#start(identity, state, report, session, true, undefined))
  }

  #start(
    identity: Identity,
    state: ClusterState,
    report: OpenReport,
    session: string,
    freshlyJoined: boolean,
    rebuild: Uint8Array | undefined,
  ): void {
    const before = state.facts.find(({ id }) => id === identity.nodeId)
    const alone = state.facts.length === 1
    // Alone by a membership that was lost with the rest: there are others, they know this node, and they will call.
    const forgotOthers = alone && report.lost !== 'nothing' && report.shared
    const lost = report.lost !== 'nothing' && (!alone || forgotOthers)
    const own = this.#facts(identity, report, session, before?.incomplete === true || lost)
    if (this.#options.reapHistory) this.#history ??= new ReapHistory(this.#hex(8), false, report.boot)
    if (lost) this.#ports.log.warn('rebuilding', { reason: `the directory lost ${report.lost}` })
    const { partitions } = tableOf(state.birth, state.changes)
    loadTrees(this.#guard, this.#ports.log, partitions, report, this.#treesRecord, (trees) =>
      this.#listener.started({
        report,
        state,
        own,
        hasRows: this.#hasRows,
        freshlyJoined,
        rebuild: lost ? undefined : rebuild,
        forgotOthers,
        indexHasGaps: this.#indexHasGaps,
        trees,
        history: this.#history,
      }),
    )
  }

  #facts(identity: Identity, report: OpenReport, session: string, incomplete: boolean): MemberFacts {
    const { name, address, peerAddress } = this.#options
    const boot = identity.bootBase + report.boot
    const { incarnation } = report
    return {
      id: identity.nodeId,
      name,
      address,
      peerAddress,
      boot,
      revision: 0,
      incarnation,
      session,
      incomplete,
      ...asFacts(this.#speaks, identity.storage),
    }
  }

  #keep(identity: Identity, state: ClusterState, done: () => void): void {
    const records = [
      { type: 'system', name: RECORDS.identity, value: encodeIdentity(identity) },
      { type: 'system', name: RECORDS.membership, value: encodeState(mergeStates(state, state)) },
    ] as const
    this.#guard.write(records, (fault) => {
      if (fault === undefined) done()
      else this.#fail(`The node could not record who it is: ${fault.message}.`)
    })
  }

  #fail(message: string): void {
    this.#listener.failed({ kind: 'fault', message })
  }

  #hex(bytes: number): string {
    return Buffer.from(this.#ports.random.bytes(bytes)).toString('hex')
  }
}

/** One that cannot be read is none: the next one has another name, and vouches for nothing that was before. */
function knownHistory(bytes: RowRead, { boot }: OpenReport): ReapHistory | undefined {
  if (bytes === undefined || bytes === 'unreadable') return undefined
  try {
    return ReapHistory.resume(bytes, boot)
  } catch (error) {
    if (!(error instanceof WireError)) throw error
    return undefined
  }
}

function laterText(before: number, now: number): string {
  return before === now ? '' : `, and has ${now} now`
}

function birthProblem(n: number, partitions: number): string | undefined {
  if (!Number.isInteger(n) || n < 1 || n > limits.replicas)
    return `n must be 1 to ${limits.replicas}, not ${n}.`
  const isPower = Number.isInteger(partitions) && partitions >= 1 && (partitions & (partitions - 1)) === 0
  if (!isPower || partitions > limits.partitions)
    return `The number of partitions must be a power of two up to ${limits.partitions}, not ${partitions}.`
  return undefined
}

const UNREADABLE =
  'The data directory holds data, but not who it belongs to: the identity or membership record in its database'
const WHAT_TO_DO =
  'It is left untouched. Set it aside, do not delete it, and start the node under the same --name with --join and an empty directory: the other members fill it again.'
const LOST =
  'The database in this directory is empty, although it was used before. Start with --join to be filled again by the other members, or on a new directory.'
