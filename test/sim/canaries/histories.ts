/** Bugs in what members remember of reaping, and in restores that rest on it. */
import { type Canary, CROWD } from './canary.js'

/** Backups are taken, and much of what is in them is deleted and let go of; little else happens. */
const BACKED = {
  ...CROWD,
  keys: 4,
  clients: 4,
  thinkMs: 40,
  calmMs: 400,
  deletes: 0.4,
  blindness: 0.05,
  oddQuorums: 0,
  reapEveryMs: 100,
  reapAfterMs: 0,
  spareEntries: 8,
  changes: 0,
  backups: 4,
} as const

export const HISTORY_CANARIES: readonly Canary[] = [
  {
    name: 'vouches-before-it-is-written',
    story:
      'A member gives its word for a round, and writes down later what may go because of it; a crash in between, and it has never been.',
    breaks: ['histories'],
    focus: { ...BACKED, only: ['kill', 'power-cut', 'slow-sync'] },
    rare: true,
    patches: [
      {
        file: 'src/node/reap-answers.js',
        find: 'this.keep(history, (isKept) => {',
        replace: 'this.keep(history, () => { });\n        ((done) => done(true))((isKept) => {',
      },
    ],
  },
  {
    name: 'history-outlives-lost-rows',
    story:
      'A directory that lost the end of its log goes on with the history that is left of it, under the same name.',
    breaks: ['histories', 'A3'],
    focus: { ...BACKED, clients: 3, thinkMs: 300, calmMs: 3_000, only: ['lost-tail'] },
    rare: true,
    patches: [
      {
        file: 'src/node/startup.js',
        find: "report.lost === 'nothing' ? knownHistory(reaped, report) : undefined",
        replace: 'knownHistory(reaped, report)',
      },
    ],
  },
  {
    name: 'newcomer-knows-it-all',
    story: 'A member that joined later, or lost its rows, says that its history goes back to the foundation.',
    breaks: ['histories', 'A3'],
    focus: { ...BACKED, nodes: 4, changes: 2, death: false, reshapes: 0, only: ['wipe'] },
    rare: true,
    patches: [
      {
        file: 'src/node/startup.js',
        find: 'this.#history ??= new ReapHistory(this.#hex(8), false, report.boot)',
        replace: 'this.#history ??= new ReapHistory(this.#hex(8), true, report.boot)',
      },
    ],
  },
  {
    name: 'restores-without-a-look',
    story:
      'A restore joins every row of a backup with what is there, and does not ask whether it may have been deleted since.',
    breaks: ['A3', 'A1', 'A2'],
    focus: { ...BACKED, only: ['slow-disk'] },
    rare: true,
    patches: [
      {
        file: 'src/node/restorer.js',
        find: 'const isFree = request.allowReaped',
        replace: 'const isFree = true || request.allowReaped',
      },
    ],
  },
]
