/** Bugs in hash trees and exchanges: trees that miss something, exchanges that do harm or nothing. */
import { type Canary, CROWD } from './canary.js'

const REPLICA = 'src/node/replica.js'

export const ENTROPY_CANARIES: readonly Canary[] = [
  {
    name: 'tree-misses-merges',
    story: 'Trees follow the writes that are coordinated here, and not what other replicas send.',
    breaks: ['A4', 'A14'],
    focus: { ...CROWD, exchangeEveryMs: 500, only: [] },
    patches: [
      {
        file: REPLICA,
        find: 'for (const { rowKey, before, row } of commits)',
        replace:
          "for (const { text, rowKey, before, row } of commits.filter((one) => one.operations[0].kind !== 'merge'))",
      },
    ],
  },
  {
    name: 'tree-forgets-what-a-row-was',
    story: 'Of two flushes of one key that are under way, the second takes out what the first has replaced.',
    breaks: ['A4', 'A14'],
    focus: { ...CROWD, exchangeEveryMs: 2_000, only: ['slow-disk'] },
    patches: [
      {
        file: 'src/protocol/replica/lanes.js',
        find: '        lane.base = row;\n        lane.isNew = false;',
        replace: '        lane.isNew = false;',
      },
    ],
  },
  {
    name: 'trusts-trees-after-a-failure',
    story: 'Of a batch that failed it is taken for certain that it is not there.',
    breaks: ['A4', 'A14'],
    focus: { ...CROWD, exchangeEveryMs: 2_000, only: ['io-error', 'full-disk'] },
    patches: [{ file: REPLICA, find: 'else if (fault.indeterminate)', replace: 'else if (false)' }],
  },
  {
    name: 'trusts-old-trees',
    story:
      'The trees of the last clean stop are taken over, whatever was committed since (a crash between rows and trees).',
    breaks: ['A4', 'A14'],
    focus: { ...CROWD, exchangeEveryMs: 2_000, only: ['clean-restart', 'kill'] },
    patches: [
      {
        file: 'src/node/tree-keeper.js',
        find: 'mark?.commit === report.lastCommit - 1 && isSplitOf(mark.partitions, partitions) && report.clean',
        replace: 'true',
      },
    ],
  },
  {
    name: 'scan-misses-commits',
    story:
      'A tree is built by a scan, and what is committed behind its back while a page is read is forgotten.',
    breaks: ['A4', 'A14'],
    focus: {
      ...CROWD,
      keys: 8,
      thinkMs: 150,
      exchangeEveryMs: 2_000,
      calmMs: 300,
      changes: 0,
      only: ['kill', 'late-reads'],
    },
    rare: true,
    patches: [
      {
        file: 'src/protocol/entropy/tree-scan.js',
        find: "since.set(Buffer.from(rowKey).toString('latin1'), { rowKey, row });",
        replace: '',
      },
    ],
  },
  {
    name: 'exchange-overwrites',
    story: 'What an exchange brings is put in the place of the row instead of being joined to it.',
    breaks: ['A1', 'A2', 'A12'],
    focus: { ...CROWD, exchangeEveryMs: 500, only: ['partition-halves', 'flapping'] },
    patches: [
      {
        file: 'src/protocol/replica/lanes.js',
        find: 'const length = mergeRow(row, incoming, lane.unreadable, room);',
        replace:
          'const length = mergeRow(operation.conversation !== 0 ? NOTHING : row, incoming, lane.unreadable, room);',
      },
    ],
  },
  {
    name: 'exchange-takes-and-never-gives',
    story: 'An exchange fetches what this replica lacks; what the other one lacks it does not send.',
    breaks: ['A4'],
    focus: { exchangeEveryMs: 500, sloppiness: 0 },
    patches: [
      {
        file: 'src/protocol/entropy/exchange.js',
        find: 'else if (this.#gives.length > 0)',
        replace: 'else if (this.#gives.splice(0).length > 1e9)',
      },
    ],
  },
]
