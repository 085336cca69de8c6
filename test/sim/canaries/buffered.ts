/** Bugs in durability `buffered`: of what is in memory only, somebody believes that it stays. */
import { type Canary, CROWD } from './canary.js'

const GUARD = 'src/node/guard'

/** Much is acknowledged by all three and read at r=1; nothing but reads and writes repairs a key, and most keys are left alone for long. */
const FORGETFUL = {
  ...CROWD,
  durability: 'buffered',
  keys: 16,
  writes: 500,
  thinkMs: 20,
  calmMs: 1_200,
  oddQuorums: 1,
  deletes: 0,
  exchangeEveryMs: 0,
  only: ['kill'],
} as const

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
    name: 'killed-buffered-node-counts',
    story:
      'A node that was killed counts towards R at once: its log is whole, and what it had acknowledged from memory is not looked for.',
    breaks: ['A1', 'A2', 'A3'],
    focus: FORGETFUL,
    rare: true,
    patches: [
      { file: `${GUARD}/judgement.js`, find: 'if (watermark.buffered && !clean)', replace: 'if (false)' },
    ],
  },
  {
    name: 'buffer-lost-in-a-fence',
    story:
      'What was acknowledged from memory and waited for a disk that failed is not written when the disk is back.',
    breaks: ['A1', 'A4'],
    focus: { ...CROWD, durability: 'buffered', only: ['io-error', 'full-disk'] },
    rare: true,
    patches: [
      {
        file: `${GUARD}/guard.js`,
        find: 'this.#commits.restore(this.#buffer?.takeKept() ?? []);',
        replace: 'this.#buffer?.abandon();',
      },
    ],
  },
]
