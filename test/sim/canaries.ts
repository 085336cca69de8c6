/**
 * Known bugs, put in on purpose. A checker that has never found anything proves nothing; each of these must be caught within a
 * thousand seeds, by an invariant that it breaks. `patches` are replacements in the compiled code under test (see canary-hooks);
 * one that no longer fits its file is an error, so a canary has to follow the code.
 */
import { SOUGHT } from './canaries-sought.js'
import type { Invariant } from './check/violation.js'
import type { Wish } from './swarm.js'

export interface Patch {
  /** Path below dist/. */
  readonly file: string
  /** Occurs exactly once in it. */
  readonly find: string
  readonly replace: string
}

export interface Canary {
  readonly name: string
  /** What the bug is, and where the like of it was seen. */
  readonly story: string
  /** Any of these is a catch. */
  readonly breaks: readonly Invariant[]
  readonly patches: readonly Patch[]
  /** For a rare one: the kind of seed in which it shows soon. Only used when its recorded seed does not show it any more. */
  readonly focus?: Wish
}

/** Three nodes, one hot key, many clients in a hurry. */
const CROWD: Wish = {
  nodes: 3,
  n: 3,
  keys: 1,
  clients: 8,
  writes: 220,
  thinkMs: 5,
  calmMs: 1_000,
  durability: 'fsync',
  unbudgeted: false,
  weakWrites: false,
  roughStart: false,
  largeValues: false,
  oddQuorums: 0.6,
  blindness: 0.2,
}

const COORDINATOR = 'src/protocol/coordinator'
const LANES = 'src/protocol/replica/lanes.js'
const GUARD = 'src/node/guard'
const KERNEL_IMPORT = "rowObject, setIncomplete, } from '../../kernel/index.js';"
const BUGS_IMPORT = `${KERNEL_IMPORT} import { isLater, withoutLastSibling } from '../../../test/sim/canary-bugs.js';`

export const CANARIES: readonly Canary[] = [
  {
    name: 'acks-before-sync',
    story:
      'A write is acknowledged when it is written, not when it is synced (NATS JetStream 2.12, by default).',
    breaks: ['A6'],
    patches: [
      {
        file: `${GUARD}/commit-queue.js`,
        find: 'batch(batch, this.#ports.sync,',
        replace: 'batch(batch, false,',
      },
    ],
  },
  {
    name: 'counts-one-node-twice',
    story: 'Two answers of one node make a quorum of two.',
    breaks: ['A6', 'A1'],
    patches: [
      {
        file: `${COORDINATOR}/quorum.js`,
        find: 'this.#counted.push(node)',
        replace: 'this.#counted.push(node, node)',
      },
    ],
  },
  {
    name: 'acks-at-one-less',
    story: 'The coordinator answers one copy too early.',
    breaks: ['A6'],
    patches: [
      {
        file: `${COORDINATOR}/write.js`,
        find: 'new QuorumTally(placement.owners, needed)',
        replace: 'new QuorumTally(placement.owners, Math.max(1, needed - 1))',
      },
    ],
  },
  {
    name: 'reads-at-one-less',
    story: 'A read is answered from one replica fewer than it must hear: quorums no longer meet.',
    breaks: ['A1', 'A2', 'A3'],
    patches: [
      {
        file: `${COORDINATOR}/read.js`,
        find: 'new QuorumTally(placement.owners, needed)',
        replace: 'new QuorumTally(placement.owners, Math.max(1, needed - 1))',
      },
    ],
  },
  {
    name: 'replica-acks-early',
    story: 'A replica says "written" when it has the object in memory.',
    breaks: ['A6'],
    patches: [
      {
        file: 'src/node/answering.js',
        find: 'this.#written(from, id, statusOf(fault), NOTHING);\n        else\n',
        replace:
          'this.#written(from, id, statusOf(fault), NOTHING);\n        else if (id !== 0) this.#written(from, id, 0, NOTHING);\n        if (fault === undefined)\n',
      },
    ],
  },
  {
    name: 'shows-pending-rows',
    story: 'A read shows what is not on the disk yet; the crash after it takes it back.',
    breaks: ['A6', 'A12'],
    focus: { ...CROWD, only: ['slow-disk', 'power-cut'] },
    patches: [
      {
        file: LANES,
        find: '    submit(rowKey, operation, cached, out) {',
        replace:
          "    pending(rowKey) { return this.#lanes.get(rowKey.toString('latin1'))?.row }\n    submit(rowKey, operation, cached, out) {",
      },
      {
        file: 'src/node/replica.js',
        find: '        const cached = this.#guard.readCached(rowKey);',
        replace: '        const cached = this.#lanes.pending(rowKey) ?? this.#guard.readCached(rowKey);',
      },
    ],
  },
  {
    name: 'last-writer-wins',
    story:
      'Replicas keep the version with the latest wall clock (Riak with allow_mult off lost 30 to 70 % so).',
    breaks: ['A1', 'A2', 'A12'],
    patches: [
      { file: LANES, find: KERNEL_IMPORT, replace: BUGS_IMPORT },
      {
        file: LANES,
        find: 'const length = mergeRow(row, operation.object, lane.unreadable, bytes);',
        replace:
          'const length = isLater(operation.object, row) ? mergeRow(NOTHING, operation.object, lane.unreadable, bytes) : 0;',
      },
    ],
  },
  {
    name: 'merge-drops-a-sibling',
    story: 'The merge of two replicas forgets one of several siblings.',
    breaks: ['A1', 'A2'],
    patches: [
      { file: LANES, find: KERNEL_IMPORT, replace: BUGS_IMPORT },
      {
        file: LANES,
        find: 'const length = mergeRow(row, operation.object, lane.unreadable, bytes);',
        replace:
          'const merged = mergeRow(row, operation.object, lane.unreadable, bytes); const length = merged > 0 ? withoutLastSibling(bytes, merged) : merged;',
      },
    ],
  },
  {
    name: 'repair-overwrites',
    story: 'Read repair puts the object in place of what the replica holds instead of merging it.',
    breaks: ['A1', 'A2', 'A12'],
    patches: [
      {
        file: LANES,
        find: 'const length = mergeRow(row, operation.object, lane.unreadable, bytes);',
        replace:
          "const length = mergeRow(operation.peer !== '' && operation.messageId === 0 ? NOTHING : row, operation.object, lane.unreadable, bytes);",
      },
    ],
  },
  {
    name: 'read-forgets-all-but-the-last',
    story: 'A read shows the last answer that it heard instead of the merge of all.',
    breaks: ['A1', 'A2', 'A3'],
    patches: [
      {
        file: `${COORDINATOR}/read.js`,
        find: 'const length = mergeObjects(this.#merged, object, out);',
        replace: 'const length = 0; this.#merged = object;',
      },
    ],
  },
  {
    name: 'no-read-repair',
    story: 'Replicas that are behind stay behind.',
    breaks: ['A4'],
    patches: [
      {
        file: `${COORDINATOR}/read.js`,
        find: 'if (!this.#agreed && this.#merged !== undefined)',
        replace: 'if (false)',
      },
    ],
  },
  {
    name: 'delete-covers-nothing',
    story: 'A tombstone that does not say what it deletes.',
    breaks: ['A3'],
    patches: [
      {
        file: `${COORDINATOR}/delete.js`,
        find: 'context: context ?? objectClock(object) };',
        replace: 'context: new Uint8Array(0) };',
      },
    ],
  },
  {
    name: 'delete-trusts-one-tombstone',
    story:
      'Where nothing live is seen, a delete answers at once; but the one tombstone that it saw may die with its node.',
    breaks: ['A3', 'A1', 'A6'],
    focus: { ...CROWD, deletes: 0.3, only: ['partition-halves', 'reset', 'slow-disk'] },
    patches: [
      {
        file: `${COORDINATOR}/delete.js`,
        find: "return { kind: 'keep', object };",
        replace: 'return undefined;',
      },
    ],
  },
  {
    name: 'context-covers-the-unseen',
    story:
      'The answer to a put covers all that its coordinator holds: with a version vector for a context, as in the paper.',
    breaks: ['A1', 'A2'],
    patches: [
      {
        file: `${COORDINATOR}/write.js`,
        find: 'if (this.#actor !== undefined && siblingCount(object) === 1)',
        replace: 'if (true)',
      },
    ],
  },
  {
    name: 'amnesia',
    story:
      'After an unclean start the node goes on under its old incarnation and mints dots that it has forgotten (riak_kv#679).',
    breaks: ['A7'],
    focus: { ...CROWD, linkMs: 8, only: ['lost-tail', 'slow-disk'] },
    patches: [
      {
        file: `${GUARD}/judgement.js`,
        find: 'incarnation: keeps ? watermark.incarnation : undefined,',
        replace: 'incarnation: watermark?.incarnation,',
      },
    ],
  },
  {
    name: 'amnesia-after-a-fence',
    story:
      'After a failed write the node goes on with its actors, though what they had minted may be lost here and known elsewhere.',
    breaks: ['A7'],
    focus: { ...CROWD, only: ['io-error', 'full-disk'] },
    patches: [
      {
        file: 'src/node/running.js',
        find: 'this.replica.renew(new ActorSource(report.incarnation, report.boot));',
        replace: '',
      },
    ],
  },
  {
    name: 'old-copy-goes-on',
    story: 'A directory restored from an old copy works on, though peers have seen later boots of it.',
    breaks: ['A1', 'A2', 'A3', 'A7'],
    focus: { ...CROWD, thinkMs: 150, only: ['old-copy'] },
    patches: [
      {
        file: 'src/node/keeper.js',
        find: 'this.#superseded(effect.boot);',
        replace: 'this.#parts.confirmed();',
      },
    ],
  },
  {
    name: 'lost-tail-counts',
    story:
      'A replica whose log lost its tail counts towards R as before; its silence is taken for "missing" (riak_kv#1643).',
    breaks: ['A1', 'A2', 'A3'],
    focus: { ...CROWD, thinkMs: 40, only: ['lost-tail'] },
    patches: [
      {
        file: 'src/node/startup.js',
        find: "const lost = report.lost !== 'nothing' && (!alone || forgotOthers);",
        replace: 'const lost = false;',
      },
    ],
  },
  {
    name: 'wiped-member-counts',
    story: 'A member that comes back with an empty disk counts towards R at once.',
    breaks: ['A1', 'A2', 'A3'],
    focus: { ...CROWD, thinkMs: 40, only: ['wipe'] },
    patches: [
      {
        file: 'src/protocol/membership/sponsor.js',
        find: 'incomplete: old !== undefined,',
        replace: 'incomplete: false,',
      },
    ],
  },
  {
    name: 'dot-freed-by-a-refusal',
    story: 'A full disk refuses a write after its dot was minted and sent: the next write gets the same dot.',
    breaks: ['A7'],
    focus: { ...CROWD, only: ['full-disk'] },
    patches: [
      {
        file: 'src/node/performer.js',
        find: 'const fault = this.#parts.replica.refusal();',
        replace: 'const fault = undefined;',
      },
      {
        file: 'src/node/replica.js',
        find: 'this.#committed(commits, fault), true);',
        replace: 'this.#committed(commits, fault), false);',
      },
    ],
  },
  {
    name: 'forwards-twice',
    story: 'A forwarded write whose connection broke is given to a second coordinator.',
    breaks: ['A7'],
    focus: { ...CROWD, nodes: 7, only: ['reset', 'flapping'] },
    patches: [
      {
        file: `${COORDINATOR}/forward.js`,
        find: 'if (this.#sent && this.#body.type === 7)',
        replace: 'if (false)',
      },
    ],
  },
  {
    name: 'trusts-bytes',
    story: 'Rows are served without looking at their checksum.',
    breaks: ['A12', 'A1', 'A2', 'crash'],
    focus: { ...CROWD, only: ['damaged-row', 'kill'] },
    patches: [
      {
        file: `${GUARD}/read-queue.js`,
        find: 'else if (checkRow(rowKey, row) !== 0) {',
        replace: 'else if (false) {',
      },
    ],
  },
  {
    name: 'unreadable-is-missing',
    story: 'A damaged row reads as no row at all.',
    breaks: ['A1', 'A2', 'A3', 'A7'],
    focus: { ...CROWD, only: ['damaged-row', 'kill'] },
    patches: [
      {
        file: `${GUARD}/read-queue.js`,
        find: "this.#ports.damaged(rowKey, 'checksum');\n            this.#answer(miss, 'unreadable');",
        replace: 'this.#answer(miss, undefined);',
      },
    ],
  },
  {
    name: 'goes-on-after-a-failed-write',
    story:
      'After a failed write the engine is used on without a reopen; RocksDB acknowledges and loses what follows.',
    breaks: ['A6', 'A1', 'A12'],
    patches: [
      {
        file: `${GUARD}/guard.js`,
        find: "        if (this.#state === 'open')\n            this.#state = 'fenced';\n        const failed",
        replace: '        const failed',
      },
      {
        file: `${GUARD}/guard.js`,
        find: '        if (!alreadyFenced)\n            this.#fence(error);',
        replace: '',
      },
    ],
  },
  {
    name: 'stays-fenced',
    story: 'A node that fenced itself never opens its storage again.',
    breaks: ['A4'],
    patches: [
      {
        file: `${GUARD}/recovery.js`,
        find: '    begin(reason) {',
        replace: '    begin(reason) {\n        return;',
      },
    ],
  },
  {
    name: 'forgets-deadlines',
    story: 'A request that cannot be finished is never answered.',
    breaks: ['A5'],
    patches: [
      { file: 'src/node/conversations.js', find: 'if (nowMs >= machine.deadlineMs)', replace: 'if (false)' },
    ],
  },
  {
    name: 'leaks-timers',
    story: 'Every tick leaves a timer behind.',
    breaks: ['A11'],
    patches: [
      {
        file: 'src/node/running.js',
        find: 'this.#cancelTick = this.#ports.scheduler.after(',
        replace:
          'this.#ports.scheduler.after(3_600_000, () => {});\n        this.#cancelTick = this.#ports.scheduler.after(',
      },
    ],
  },
  ...SOUGHT,
]

export function canaryNamed(name: string): Canary {
  const canary = CANARIES.find((candidate) => candidate.name === name)
  const names = CANARIES.map((known) => known.name).join(', ')
  if (canary === undefined) throw new Error(`no canary is named ${name}: ${names}`)
  return canary
}
