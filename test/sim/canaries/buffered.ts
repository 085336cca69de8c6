/** Bugs in durability `buffered`: of what is in memory only, somebody believes that it stays. */
import { type Canary, CROWD } from './canary.js'

const GUARD = 'src/node/guard'

export const BUFFERED_CANARIES: readonly Canary[] = [
  {
    name: 'no-durable-copy',
    story:
      'A write is acknowledged when W nodes hold it in memory; none of them is waited for until its disk has it.',
    breaks: ['A6', 'A1'],
    focus: { ...CROWD, durability: 'buffered', only: ['kill'] },
    patches: [
      {
        file: 'src/protocol/coordinator/durable-copy.js',
        find: "this.#isThere = by === 'nobody';",
        replace: 'this.#isThere = true;',
      },
    ],
  },
  {
    name: 'durable-copy-in-memory',
    story: 'The node that is asked for the durable copy says that it has it before its disk does.',
    breaks: ['A6', 'A1'],
    focus: { ...CROWD, durability: 'buffered', only: ['kill'] },
    patches: [
      {
        file: 'src/node/replica.js',
        find: 'if (this.isBuffered && isLasting(operation))',
        replace: 'if (false)',
      },
    ],
  },
  {
    name: 'forgets-that-it-forgot',
    story: 'A node that was killed while it held rows in memory counts towards R as before.',
    breaks: ['A1', 'A2', 'A3'],
    focus: { ...CROWD, durability: 'buffered', thinkMs: 40, only: ['kill'] },
    patches: [
      {
        file: `${GUARD}/judgement.js`,
        find: 'if (watermark.buffered && !clean)',
        replace: 'if (false)',
      },
    ],
  },
  {
    name: 'buffer-lost-in-a-fence',
    story:
      'What was acknowledged from memory and waited for a disk that failed is not written when the disk is back.',
    breaks: ['A1', 'A4'],
    focus: { ...CROWD, durability: 'buffered', only: ['io-error', 'full-disk'] },
    patches: [
      {
        file: `${GUARD}/guard.js`,
        find: 'this.#commits.restore(this.#buffer?.takeKept() ?? []);',
        replace: '',
      },
    ],
  },
  {
    name: 'vouches-from-memory',
    story:
      'A member vouches for a tombstone that its disk does not have; killed, it holds again what the others have let go of the trace of.',
    breaks: ['A3', 'A1', 'A4', 'reaping'],
    focus: {
      ...CROWD,
      durability: 'buffered',
      keys: 4,
      deletes: 0.3,
      thinkMs: 40,
      calmMs: 400,
      reapEveryMs: 100,
      reapAfterMs: 0,
      only: ['kill', 'slow-disk'],
    },
    rare: true,
    patches: [
      {
        file: 'src/node/reap-answers.js',
        find: 'replica.isDurable(key.rowKey) && isAgreed',
        replace: 'isAgreed',
      },
      {
        file: 'src/node/replica.js',
        find: "return operation.kind === 'drop' ||",
        replace: 'return',
      },
    ],
  },
]
