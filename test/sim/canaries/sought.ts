/** Canaries that no seed has caught yet: planted like the others, and searched for with them. */
import type { Canary } from './canary.js'

const GUARD = 'src/node/guard'

export const SOUGHT: readonly Canary[] = [
  {
    name: 'founder-forgets-its-cluster',
    story:
      'The log of the first node loses its tail back to the time when it was alone; it goes on as a cluster of one (found by seed 181).',
    breaks: ['A1', 'A2', 'A3'],
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
        find: '    if (!isNew)\n        return;',
        replace: '    if (!isNew || row.length % 3 === 0)\n        return;',
      },
    ],
  },
]
