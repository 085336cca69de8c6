/** Bugs in moving partitions to other owners while clients work. */
import { type Canary, CROWD } from './canary.js'

/** Machines come and go, and little else happens. */
const MOVES = {
  ...CROWD,
  nodes: 4,
  keys: 8,
  changes: 3,
  death: false,
  reshapes: 0,
  exchangeEveryMs: 0,
  deletes: 0.1,
  only: ['reset'],
} as const

/** One machine dies for ever, and little else happens. */
const DEATHS = { ...MOVES, changes: 1, death: true } as const

/** One of the others is behind when it does, so that who is left has to hand over what nobody else has. */
const DEATHS_BEHIND = {
  ...DEATHS,
  thinkMs: 20,
  oddQuorums: 0,
  only: ['partition-single', 'reset', 'clog'],
} as const

/** What some have heard of a change reaches others late, and those go on asking by what they know. */
const UNHEARD = {
  ...MOVES,
  calmMs: 300,
  oddQuorums: 0,
  only: ['clog', 'partition-one-way', 'partition-ring'],
} as const

/** All machines move, and come up as two islands. */
const ISLANDS = { ...MOVES, changes: 0, islands: true, calmMs: 400 } as const

/** There is time for it to be missed, replaced, and switched on again. */
const RETURNS = { ...DEATHS, calmMs: 400, thinkMs: 150, clients: 4 } as const
/** Of each key there is one copy, on one list and the next; connections break while it is on its way. */
const BREAKS = {
  ...MOVES,
  nodes: 3,
  n: 1,
  thinkMs: 40,
  calmMs: 400,
  oddQuorums: 0,
  only: ['reset', 'flapping'],
} as const

/** The ring is split while machines come and go. */
const SPLITS = { ...MOVES, partitions: 8, splits: 2 } as const

/** Among more members lists of owners differ in more. */
const SPLITS_WIDE = { ...SPLITS, nodes: 7 } as const

/** Two members, one of which splits the ring while it is cut off and the other hands over to a newcomer; of each key there is one copy. */
const SPLITS_APART = {
  ...MOVES,
  nodes: 2,
  n: 1,
  partitions: 16,
  changes: 1,
  splitApart: true,
  keys: 30,
  clients: 6,
  thinkMs: 20,
  calmMs: 400,
  linkMs: 1,
  oddQuorums: 0,
  deletes: 0,
  only: ['slow-disk'],
} as const

/** N becomes another one, while disks are slow and who is no owner passes on what it is asked. */
const ANOTHER_N = {
  ...MOVES,
  nodes: 7,
  partitions: 8,
  changes: 0,
  calmMs: 200,
  linkMs: 1,
  only: ['slow-disk', 'slow-sync'],
} as const

/** The larger N asks more of a quorum; what owners send arrives late, or not while it matters. */
const LARGER_N = {
  ...MOVES,
  nodes: 5,
  partitions: 16,
  changes: 0,
  copies: [5],
  calmMs: 150,
  thinkMs: 20,
  linkMs: 1,
  oddQuorums: 0,
  deletes: 0,
  only: ['clog', 'partition-one-way', 'partition-halves'],
} as const

/** What one owner has, others have late. */
const LATE = {
  ...MOVES,
  thinkMs: 40,
  calmMs: 400,
  oddQuorums: 0,
  only: ['clog', 'slow-disk'],
} as const

export const MOVING_CANARIES: readonly Canary[] = [
  {
    name: 'reads-new-owners-at-once',
    story: 'A new owner counts for reads as soon as the table says so, before it has the rows.',
    breaks: ['A1', 'A2', 'A3', 'A4'],
    focus: MOVES,
    rare: true,
    patches: [
      {
        file: 'src/protocol/membership/ring.js',
        find: 'const owners = all[complete + 1];',
        replace: 'const owners = all[all.length - 1];',
      },
    ],
  },
  {
    name: 'hands-over-unseen',
    story: 'An old owner records that its rows are with the new ones, and has not looked.',
    breaks: ['A1', 'A2', 'A3', 'A4'],
    focus: MOVES,
    rare: true,
    patches: [
      {
        file: 'src/protocol/transfer/handover.js',
        find: 'const isOpen = list.some((peer) => peer !== this.#self && this.#isOpen(partition, peer));',
        replace: 'const isOpen = false;',
      },
    ],
  },
  {
    name: 'drops-before-others-have-it',
    story: 'A former owner drops a row when one of the present owners has it.',
    breaks: ['A1', 'A2', 'A3', 'A4'],
    focus: MOVES,
    rare: true,
    patches: [
      {
        file: 'src/node/sweep.js',
        find: 'if (!ring.holders[p].includes(self))',
        replace: 'if (!ring.table.lists[p].includes(self))',
      },
      {
        file: 'src/protocol/transfer/pass-on.js',
        find: 'if (holders.includes(this.#self))',
        replace: 'if (false)',
      },
      {
        file: 'src/protocol/transfer/pass-on.js',
        find: 'if (this.#missing.size === 0)',
        replace: 'if (true)',
      },
    ],
  },
  {
    name: 'replacement-is-read-at-once',
    story:
      'Where a member was removed or replaced, whoever owns its partitions now counts for reads before it has the rows.',
    breaks: ['A1', 'A2', 'A3', 'A4'],
    focus: DEATHS,
    rare: true,
    patches: [
      {
        file: 'src/protocol/membership/ring.js',
        find: 'const owners = all[complete + 1];',
        replace: 'const owners = all[versions.at(-1)?.gone.length > 0 ? all.length - 1 : complete + 1];',
      },
    ],
  },
  {
    name: 'replaced-node-goes-on',
    story: 'A node that was removed or replaced comes back, hears of it, and goes on as if it were a member.',
    breaks: ['A1', 'A2', 'A3', 'A4'],
    focus: RETURNS,
    rare: true,
    patches: [
      {
        file: 'src/node/keeper.js',
        find: 'if (removed(membership.state).includes(membership.self)) {',
        replace: 'if (false) {',
      },
    ],
  },
  {
    name: 'tallies-one-list',
    story: 'While a key moves, a write counts among those who are read, and need not be anywhere else.',
    breaks: ['A1', 'A2', 'A3', 'A4'],
    focus: BREAKS,
    rare: true,
    patches: [
      {
        file: 'src/protocol/coordinator/quorum.js',
        find: 'this.#others = lists.map((owners)',
        replace: 'this.#others = [].map((owners)',
      },
    ],
  },
  {
    name: 'splits-forget-what-is-in-trees',
    story: 'A tree that is split leaves out the rows of its second part, and is taken for right.',
    breaks: ['A4', 'A14'],
    focus: { ...SPLITS, exchangeEveryMs: 500 },
    rare: true,
    patches: [
      {
        file: 'src/protocol/entropy/trees.js',
        find: 'for (const [part, child] of merkleSplit(tree, bits))',
        replace: 'for (const [part, child] of merkleSplit(tree, bits).filter(([one]) => one !== 1))',
      },
    ],
  },
  {
    name: 'tallies-new-owners-only',
    story: 'While a key moves, a write counts among its new owners, and those who are read need not have it.',
    breaks: ['A1', 'A2', 'A3', 'A4'],
    focus: LATE,
    rare: true,
    patches: [
      {
        file: 'src/protocol/coordinator/quorum.js',
        find: 'this.#others = lists.map((owners)',
        replace:
          'if (lists.length > 0) { this.#owners = lists[lists.length - 1]; this.#sum(); }\n        this.#others = [].map((owners)',
      },
    ],
  },
  {
    name: 'tallies-all-holders-once',
    story: 'While a key moves, a write is acknowledged when W nodes hold it, whichever lists those are in.',
    breaks: ['A1', 'A2', 'A3', 'A4'],
    focus: LATE,
    rare: true,
    patches: [
      {
        file: 'src/protocol/coordinator/quorum.js',
        find: 'return this.#lists.every((list) => this.#isEnough(list));',
        replace: 'return this.#counted.length >= this.#needed;',
      },
    ],
  },
  {
    name: 'tallies-by-one-n',
    story: 'While N becomes another one, W is the quorum of the list that is read in all other lists too.',
    breaks: ['A1', 'A2', 'A3', 'A4'],
    focus: LARGER_N,
    rare: true,
    patches: [
      {
        file: 'src/protocol/coordinator/quorum.js',
        find: 'needed: quorumOf(choice, owners.length) }));',
        replace: 'needed: this.#needed }));',
      },
    ],
  },
  {
    name: 'death-excuses-everybody',
    story: 'Where one of the old owners was removed or replaced, the others need not hand over either.',
    breaks: ['A1', 'A2', 'A3', 'A4'],
    focus: DEATHS_BEHIND,
    rare: true,
    patches: [
      {
        file: 'src/protocol/membership/move-lists.js',
        find: '!version.gone.includes(node) &&',
        replace: 'version.gone.length === 0 &&',
      },
    ],
  },
  {
    name: 'children-do-not-inherit',
    story:
      'After a split the parts of partitions are settled with owners of other partitions, who do not have their rows.',
    breaks: ['A1', 'A2', 'A3', 'A4'],
    focus: SPLITS_WIDE,
    rare: true,
    patches: [
      {
        file: 'src/protocol/membership/moves.js',
        find: 'settled: moves.settled.flatMap((one) => Array.from({ length: parts }, () => one)),',
        replace:
          'settled: Array.from({ length: partitions }, (_, p) => moves.settled[p % moves.settled.length]),',
      },
    ],
  },
  {
    name: 'handed-over-by-old-numbers',
    story:
      'What was handed over of a partition is said, after a split, of the partition that has its number now.',
    breaks: ['A1', 'A2', 'A3', 'A4'],
    focus: SPLITS_APART,
    rare: true,
    patches: [
      {
        file: 'src/protocol/membership/moves.js',
        find: 'const partsOf = (partition) => Array.from({ length: parts }, (_, part) => partition * parts + part);',
        replace: 'const partsOf = (partition) => [partition];',
      },
    ],
  },
  {
    name: 'forwards-a-number',
    story:
      'A quorum is forwarded as the number that it is under the shortest list in force, and counted as that in the longer ones.',
    breaks: ['A1', 'A2', 'A3', 'A4'],
    focus: { ...ANOTHER_N, n: 5, copies: [3] },
    rare: true,
    patches: [
      {
        file: 'src/node/orders.js',
        find: "if (choice === undefined || choice === 'quorum')\n        return 0;",
        replace:
          "if (choice === undefined || choice === 'quorum')\n        return Math.floor(Math.min(owners.length, ...(others ?? []).map(({ length }) => length)) / 2) + 1;",
      },
    ],
  },
  {
    name: 'islands-stay-apart',
    story: 'A member that misses others does not dial the addresses that it was started with.',
    breaks: ['A4'],
    focus: ISLANDS,
    rare: true,
    patches: [
      {
        file: 'src/node/seeds.js',
        find: 'addresses.length === 0 || this.#afterMs === 0',
        replace: 'true',
      },
    ],
  },
  {
    name: 'answers-by-any-list',
    story: 'A node answers requests also of those who count in other lists of owners than those in force.',
    breaks: ['A1', 'A2', 'A3', 'A4', 'reaping'],
    focus: UNHEARD,
    rare: true,
    patches: [
      {
        file: 'src/node/answering.js',
        find: 'return sameDigest(ring, this.#parts.membership.ring.placementOf(rowKey).ring);',
        replace: 'return true;',
      },
      {
        file: 'src/node/answering.js',
        find: 'if (!sameDigest(ring, placement.ring)) {',
        replace: 'if (sameDigest(ring, NOTHING)) {',
      },
    ],
  },
]
