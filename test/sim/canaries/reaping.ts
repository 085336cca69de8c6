/** Bugs in how tombstones are let go of. */
import type { Canary } from './canary.js'

const REAPER = 'src/node/reaper.js'
const MEMBERS = 'const members = presentMembers(membership.state).map((member) => member.id);'

/** Much is deleted, keys come to rest now and then, and what is deleted is soon let go of. */
const GRAVES = {
  nodes: 3,
  n: 3,
  keys: 8,
  clients: 6,
  writes: 220,
  thinkMs: 40,
  calmMs: 400,
  deletes: 0.6,
  blindness: 0.3,
  oddQuorums: 0,
  exchangeEveryMs: 500,
  reapEveryMs: 100,
  reapAfterMs: 0,
  unbudgeted: false,
  roughStart: false,
  largeValues: false,
  sloppiness: 0,
} as const

/** And some owner is always away. */
const ABSENT = { ...GRAVES, only: ['kill', 'partition-halves', 'partition-single', 'pause'] } as const

/** And somebody stands in. */
const FALLBACKS = { ...ABSENT, nodes: 5, sloppiness: 1, hintBytes: 64 * 1024 * 1024 } as const

/** And what is sent takes its time. */
const SLOW = {
  ...GRAVES,
  nodes: 5,
  linkMs: 8,
  only: ['clog', 'slow-disk', 'partition-one-way', 'pause'],
} as const

export const REAPING_CANARIES: readonly Canary[] = [
  {
    name: 'reaps-with-an-owner-away',
    story:
      'Tombstones go when those who can be asked agree; whoever is away brings back what it holds (a grace period, as in Cassandra).',
    breaks: ['A3', 'A1', 'A2'],
    focus: ABSENT,
    rare: true,
    patches: [
      { file: REAPER, find: 'this.#stoppedBy = this.#absent();', replace: 'this.#stoppedBy = [];' },
      {
        file: REAPER,
        find: MEMBERS,
        replace:
          'const members = presentMembers(membership.state).map((member) => member.id).filter((id) => id === membership.self || this.#parts.peers.isUp(id));',
      },
      {
        file: REAPER,
        find: '(id === membership.self ? [] : [id])',
        replace: '(id === membership.self || !this.#parts.peers.isUp(id) ? [] : [id])',
      },
    ],
  },
  {
    name: 'reaps-without-asking-those-who-stand-in',
    story:
      'Only the owners are asked; a hint that another member keeps brings the value back (riak_kv#1094).',
    breaks: ['A3', 'A1', 'A2'],
    focus: FALLBACKS,
    rare: true,
    patches: [
      {
        file: REAPER,
        find: MEMBERS,
        replace: 'const members = [...new Set(keys.flatMap((key) => key.owners))];',
      },
    ],
  },
  {
    name: 'lets-go-without-comparing',
    story: 'A row is let go of although it was written since it was agreed upon.',
    breaks: ['A1', 'A3', 'A6'],
    focus: { ...SLOW, thinkMs: 5, clients: 8, keys: 4 },
    rare: true,
    patches: [
      {
        file: 'src/protocol/replica/lanes.js',
        find: 'if (Buffer.compare(this.#digest, operation.digest) === 0)',
        replace: 'if (true)',
      },
    ],
  },
  {
    name: 'doomstone',
    story:
      'A key that is made anew counts from one again, under an actor that it had before: what covered the old value covers the new one (riak_kv#1094).',
    breaks: ['A7', 'A1', 'A12'],
    focus: GRAVES,
    rare: true,
    patches: [
      {
        file: 'src/protocol/replica/lanes.js',
        find: 'const code = applyWrite(row, this.#actors.next,',
        replace:
          'this.first ??= new Map();\n        const code = applyWrite(row, this.first.get(lane.name) ?? this.#actors.next,',
      },
      {
        file: 'src/protocol/replica/lanes.js',
        find: 'this.#actors.used(actor);',
        replace: 'this.#actors.used(actor);\n            this.first.set(lane.name, Buffer.from(actor));',
      },
    ],
  },
  {
    name: 'repair-gives-it-back',
    story: 'A replica takes a tombstone that it has just let go of back from one that has not yet.',
    breaks: ['reaping'],
    focus: { ...SLOW, nodes: 3, sloppiness: 0 },
    rare: true,
    patches: [
      {
        file: 'src/protocol/reaping/marks.js',
        find: 'isReaped(rowKey, object) {',
        replace: 'isReaped(rowKey, object) {\n        if (rowKey) return false;',
      },
    ],
  },
]
