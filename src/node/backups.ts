/** What a node at work does for backups: shows pages of its rows, and takes rows of them back. */
import { presentMembers } from '../protocol/membership/state.js'
import { Copies } from './copies.js'
import type { StorageGuard } from './guard/index.js'
import type { NodePorts } from './options.js'
import type { CopiedRange, CopyRequest, Database, Failure, Restored, RestoreRequest } from './requests.js'
import { Restorer } from './restorer.js'
import type { RunningNode } from './running.js'

const NO_MEMBER: Failure = {
  status: 'error',
  code: 'NOT_READY',
  message: 'The node does not know yet whether it still is a member; nothing was written.',
}

export class Backups implements Pick<Database, 'copy' | 'restore'> {
  readonly #running: RunningNode
  readonly #copies: Copies
  readonly #restorer: Restorer

  constructor({ clock, scheduler }: NodePorts, guard: StorageGuard, running: RunningNode) {
    const { membership, replica, governor, conversations, coordination } = running
    const parts = { clock, scheduler, guard, membership, governor }
    this.#running = running
    this.#copies = new Copies({ ...parts, replica })
    const history = () => running.reaper.history
    this.#restorer = new Restorer({ ...parts, conversations, coordination, history })
  }

  copy(request: CopyRequest, done: (outcome: CopiedRange | Failure) => void): void {
    this.#running.enter()
    this.#copies.begin(request, done)
  }

  /** By a member: who is none is asked in no round of reaping, and cannot tell what has gone. */
  restore(request: RestoreRequest, done: (outcome: Restored | Failure) => void): void {
    const { confirmed, state, self } = this.#running.membership
    this.#running.enter()
    if (confirmed && presentMembers(state).some(({ id }) => id === self)) this.#restorer.begin(request, done)
    else done(NO_MEMBER)
  }
}
