/** Bugs in coordinators, lanes and merges, and in what every request stands on. */
import { type Canary, CROWD } from './canary.js'

const COORDINATOR = 'src/protocol/coordinator'
const LANES = 'src/protocol/replica/lanes.js'
const KERNEL_IMPORT = "rowObject, setIncomplete, shedObject, shedRow, } from '../../kernel/index.js';"
const BUGS_IMPORT = `${KERNEL_IMPORT} import { isLater, withoutLastSibling } from '../../../test/sim/canary-bugs.js';`

export const PROTOCOL_CANARIES: readonly Canary[] = [
  {
    name: 'counts-one-node-twice',
    story: 'Two answers of one node make a quorum of two.',
    breaks: ['A6', 'A1'],
    patches: [
      {
        file: `${COORDINATOR}/quorum.js`,
        find: 'this.#got++',
        replace: 'this.#got += 2',
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
        find: 'new QuorumTally(placement.owners, needed, sloppy)',
        replace: 'new QuorumTally(placement.owners, Math.max(1, needed - 1), sloppy)',
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
        find: 'new QuorumTally(placement.owners, request.needed, request.sloppy)',
        replace: 'new QuorumTally(placement.owners, Math.max(1, request.needed - 1), request.sloppy)',
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
        find: 'this.#parts.replica.submit(rowKey, merge);',
        replace:
          'if (id !== 0)\n            this.#written(from, id, 0, NOTHING);\n        this.#parts.replica.submit(rowKey, merge);',
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
          "    pending(rowKey) { return this.#lanes.get(rowKey, rowKey.toString('latin1'))?.row }\n    submit(rowKey, operation, cached, out) {",
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
        find: 'const length = mergeRow(row, incoming, lane.unreadable, room);',
        replace:
          'const length = isLater(incoming, row) ? mergeRow(NOTHING, incoming, lane.unreadable, room) : 0;',
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
        find: 'const length = mergeRow(row, incoming, lane.unreadable, room);',
        replace:
          'const merged = mergeRow(row, incoming, lane.unreadable, room); const length = merged > 0 ? withoutLastSibling(room, merged) : merged;',
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
        find: 'const length = mergeRow(row, incoming, lane.unreadable, room);',
        replace:
          "const length = mergeRow(operation.peer !== '' && operation.messageId === 0 ? NOTHING : row, incoming, lane.unreadable, room);",
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
    name: 'skeletons-count',
    story:
      'A replica of which only clock and dots are known counts for a read, as if its values were in what is merged.',
    breaks: ['A1', 'A2', 'A3'],
    focus: { ...CROWD, largeValues: true, only: ['partition-single', 'reset'] },
    patches: [
      {
        file: `${COORDINATOR}/unseen-objects.js`,
        find: 'if (relation === RELATION.SECOND_NEWER || relation === RELATION.CONCURRENT)',
        replace: 'if (false)',
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
    name: 'forwards-twice',
    story: 'A forwarded write whose connection broke is given to a second coordinator.',
    breaks: ['A7'],
    focus: { ...CROWD, nodes: 7, only: ['reset', 'flapping'] },
    patches: [
      {
        file: `${COORDINATOR}/forward.js`,
        find: 'if (this.#isHandedOver)\n',
        replace: 'if (false)\n',
      },
    ],
  },
  {
    name: 'forgets-deadlines',
    story: 'A request that cannot be finished is never answered.',
    breaks: ['A5'],
    patches: [{ file: 'src/node/conversations.js', find: 'nowMs >= machine.deadlineMs)', replace: 'false)' }],
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
  {
    name: 'takes-damaged-pieces',
    story: 'What arrives is taken as it is: the checksum of a piece is not looked at.',
    breaks: ['crash', 'A12', 'A1', 'A2', 'A4', 'A7'],
    focus: { ...CROWD, only: ['damaged-frames'] },
    rare: true,
    patches: [
      {
        file: 'src/wire/frame.js',
        find: 'if (readU32(piece, 0) !== this.#checksum(piece.subarray(4)))',
        replace: 'if (false)',
      },
    ],
  },
]
