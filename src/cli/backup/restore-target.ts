/**
 * The cluster that rows are restored into: through members that can tell, each by itself, what may have been let go of since the backup was begun. In the cluster that it was
 * taken of these are the members that were there then; in any other, a member that was there from the foundation.
 */
import type { HistoryMark } from '../../protocol/reaping/history.js'
import { Fault } from '../ask.js'
import { json } from '../refusal.js'
import type { Manifest } from './manifest.js'
import type { Member, Members } from './members.js'
import type { Block } from './range-file-reader.js'

export interface Outcome {
  readonly written: number
  readonly known: number
  readonly held: number
  readonly failed: number
}

interface Way {
  readonly member: Member
  readonly mark: HistoryMark | undefined
}

const BATCH_MS = 60_000
/** Rows that were refused or did not reach enough owners are sent again, so often. */
const TRIES = 5

export class RestoreTarget {
  readonly #members: Members
  readonly #ways: readonly Way[]
  /** A member vouches for what it lets pass; else every key is looked at as one that may have been deleted. */
  readonly canTell: boolean
  readonly #allowReaped: boolean
  #turn = 0

  private constructor(members: Members, ways: readonly Way[], canTell: boolean, allowReaped: boolean) {
    this.#members = members
    this.#ways = ways
    this.canTell = canTell
    this.#allowReaped = allowReaped
  }

  static async find(members: Members, manifest: Manifest, allowReaped: boolean): Promise<RestoreTarget> {
    const ways = await Promise.all(
      members.all.map(async (member) => {
        const history = await members.history(member)
        const known = manifest.members.find(({ id }) => id === member.id)?.reapHistory ?? undefined
        const mark = known?.history === history?.history ? known : undefined
        return { member, mark, isHere: history !== undefined, knowsAll: history?.fromFoundation === true }
      }),
    )
    const here = ways.filter(({ isHere }) => isHere)
    const able = here.filter(({ mark, knowsAll }) => mark !== undefined || knowsAll)
    if (here.length === 0) throw new Fault('no member of the cluster can be reached at its address')
    return new RestoreTarget(members, able.length > 0 ? able : here, able.length > 0, allowReaped)
  }

  /** All of the block's rows are with a quorum of their owners, or were left out; else a Fault. */
  async send({ count, rows }: Block): Promise<Outcome> {
    let last: Outcome | undefined
    for (let tries = 0; tries < TRIES; tries++) {
      const { member, mark } = this.#ways[this.#turn++ % this.#ways.length]!
      const answer = await this.#members.ask(member, {
        method: 'POST',
        path: '/v1/cluster/restore',
        query: {
          history: mark?.history,
          rounds: mark?.rounds.toString(),
          reaped: this.#allowReaped ? 'allow' : undefined,
          timeout: String(BATCH_MS),
        },
        headers: { 'Content-Type': 'application/octet-stream' },
        body: rows,
        timeoutMs: BATCH_MS,
      })
      if (answer === undefined) continue
      last = json<Outcome>(answer, member.url, ['written', 'known', 'held', 'failed'])
      if (last.failed === 0) return last
    }
    if (last === undefined)
      throw new Fault('no member takes the rows: see how they are with "rotunda status"')
    throw new Fault(
      `${last.failed} of ${count} rows did not reach a quorum of their owners: see which nodes are up with "rotunda status"`,
    )
  }
}
