/** Bugs in what a node believes of its own disk: after a crash, a fence, a wipe, an old copy, a damaged row. */
import { type Canary, CROWD } from './canary.js'

const GUARD = 'src/node/guard'

export const STORAGE_CANARIES: readonly Canary[] = [
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
    name: 'amnesia',
    story:
      'After an unclean start the node goes on under its old incarnation and mints dots that it has forgotten (riak_kv#679).',
    breaks: ['A7'],
    focus: { ...CROWD, calmMs: 400, only: ['power-cut', 'slow-disk'] },
    rare: true,
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
    rare: true,
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
    rare: true,
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
    rare: true,
    patches: [
      {
        file: 'src/protocol/membership/sponsor.js',
        find: 'incomplete: old !== undefined };',
        replace: 'incomplete: false };',
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
    rare: true,
    patches: [
      {
        file: `${GUARD}/read-queue.js`,
        find: "this.#ports.damage.row(rowKey, 'checksum');\n            this.#answer(miss, 'unreadable');",
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
    name: 'founder-forgets-its-cluster',
    story:
      'The log of the first node loses its tail back to the time when it was alone; it goes on as a cluster of one (found by seed 181).',
    breaks: ['A1', 'A2', 'A3'],
    focus: {
      ...CROWD,
      nodes: 2,
      n: 2,
      clients: 2,
      writes: 60,
      thinkMs: 150,
      calmMs: 400,
      linkMs: 8,
      retries: 0,
      only: ['lost-tail'],
    },
    rare: true,
    patches: [
      {
        file: 'src/node/startup.js',
        find: "const forgotOthers = alone && report.lost !== 'nothing' && report.shared;",
        replace: 'const forgotOthers = false;',
      },
    ],
  },
  {
    name: 'forgets-the-index',
    story: 'Some rows are written without the index row that listings are made from.',
    breaks: ['listing'],
    patches: [
      {
        file: `${GUARD}/batch.js`,
        find: '    if (isNew)\n        batch.push(',
        replace: '    if (isNew && row.length % 3 !== 0)\n        batch.push(',
      },
    ],
  },
]
