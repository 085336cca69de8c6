/** Bugs in how tombstones are let go of. */
import type { Canary } from './canary.js'

const REAPER = 'src/node/reaper.js'
const LANES = 'src/protocol/replica/lanes.js'
const ANSWERS = 'src/node/reap-answers.js'
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

/** And what was sent long ago is still on its way, while the key comes to rest. No exchange is under way: those are waited for. */
const ON_ITS_WAY = {
  ...GRAVES,
  clients: 5,
  thinkMs: 150,
  linkMs: 0.2,
  blindness: 0.05,
  exchangeEveryMs: 10_000,
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
    focus: { ...GRAVES, thinkMs: 150, linkMs: 8, changes: 0, only: ['slow-disk'] },
    rare: true,
    patches: [
      {
        file: LANES,
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
        file: LANES,
        find: 'const code = applyWrite(row, this.#actors.next,',
        replace:
          'this.first ??= new Map();\n        const code = applyWrite(row, this.first.get(lane.name) ?? this.#actors.next,',
      },
      {
        file: LANES,
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
  {
    name: 'vouches-without-a-flush',
    story: 'A member vouches for a key while what it had sent of it before is still on its way.',
    breaks: ['A3', 'A1', 'A2'],
    focus: { ...ON_ITS_WAY, only: ['clog'] },
    rare: true,
    patches: [
      {
        file: ANSWERS,
        find: 'this.#parts.flush((complete) => {',
        replace: '((done) => done(true))((complete) => {',
      },
    ],
  },
  {
    name: 'prunes-clocks',
    story:
      'A coordinator sheds what its clock says of actors of whom it holds nothing, without asking anybody (the paper truncates at ten; riak_core#613).',
    breaks: ['A3', 'A2', 'A1', 'A12'],
    patches: [
      {
        file: LANES,
        find: 'const made = this.#memory.fit(lane.rowKey, room, Math.max(0, code));',
        replace:
          'const whole = this.#memory.fit(lane.rowKey, room, Math.max(0, code));\n        const made = code > 0 ? whole.subarray(0, shedRow(Buffer.from(whole), whole)) : whole;',
      },
    ],
  },
  {
    name: 'never-sheds',
    story: 'Entries of actors that are gone for ever stay in every clock.',
    breaks: ['A11'],
    patches: [
      {
        file: 'src/node/tombstones.js',
        find: "return spareEntries(object) > this.#spareEntries ? 'crowded' : undefined;",
        replace: 'return undefined;',
      },
    ],
  },
  {
    name: 'sheds-and-counts-on',
    story:
      'A replica that has shed the entry of its own actor begins to count again from one, under the same actor.',
    breaks: ['A7'],
    focus: { ...GRAVES, deletes: 0.1, spareEntries: 0, only: ['pause', 'partition-single'] },
    patches: [
      {
        file: LANES,
        find: 'const length = shedRow(row, room);',
        replace:
          '(this.shedding ??= new Map()).set(lane.name, rowActor(row));\n        const length = shedRow(row, room);',
      },
      {
        file: LANES,
        find: 'const code = applyWrite(row, this.#actors.next,',
        replace: 'const code = applyWrite(row, this.shedding?.get(lane.name) ?? this.#actors.next,',
      },
    ],
  },
]
