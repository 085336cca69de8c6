/** Bugs in what nodes keep for each other while one is away. */
import { type Canary, CROWD } from './canary.js'

const LANES = 'src/protocol/hints/hint-lanes.js'
const HINTS = 'src/node/hints.js'

/** Owners are away all the time, and there is somebody to stand in for them. */
const AWAY = {
  ...CROWD,
  nodes: 5,
  keys: 4,
  calmMs: 400,
  thinkMs: 40,
  sloppiness: 1,
  hintBytes: 64 * 1024 * 1024,
  only: ['kill', 'partition-halves', 'partition-single', 'pause'],
} as const

export const HINT_CANARIES: readonly Canary[] = [
  {
    name: 'hint-dropped-before-its-acknowledgement',
    story: 'A hint is removed when it has been sent, not when its target has answered that it holds it.',
    breaks: ['A8', 'A1'],
    focus: AWAY,
    patches: [
      {
        file: 'src/protocol/hints/deliver.js',
        find: "case 'held':\n                this.#kept = { object, number };\n                this.#send(nowMs, out);",
        replace:
          "case 'held':\n                this.#kept = { object, number };\n                this.#send(nowMs, out);\n                this.#release('delivered', out);",
      },
    ],
  },
  {
    name: 'hint-evicted-for-room',
    story: 'Where there is no room for a new hint, an old one goes, though a write was acknowledged on it.',
    breaks: ['A8', 'A1'],
    focus: { ...AWAY, hintBytes: 3_000 },
    patches: [
      {
        file: HINTS,
        find: "isOver ? 'full' :",
        replace: 'isOver ? this.evict() :',
      },
      {
        file: HINTS,
        find: '    submit(rowKey, operation) {',
        replace:
          "    evict() {\n        const [target] = this.count.targets;\n        this.scan(target, undefined, ([hint]) => {\n            if (hint !== undefined) this.read(hint.rowKey, (record) => this.submit(hint.rowKey, { kind: 'release', conversation: 0, target, number: record?.number ?? 0 }));\n        });\n    }\n    submit(rowKey, operation) {",
      },
    ],
  },
  {
    name: 'fallback-counts-twice',
    story: 'A node that stands in for two owners makes two copies of one.',
    breaks: ['A6', 'A1'],
    focus: AWAY,
    patches: [
      {
        file: 'src/protocol/coordinator/stand-ins.js',
        find: 'return this.#counted.size;',
        replace: 'return 2 * this.#counted.size;',
      },
    ],
  },
  {
    name: 'fallback-acks-early',
    story: 'A node that stands in says "kept" when it has the object in memory.',
    breaks: ['A6', 'A1'],
    focus: { ...AWAY, only: ['kill', 'partition-halves', 'slow-disk'] },
    patches: [
      {
        file: 'src/node/answering.js',
        find: '        else\n            hints.submit(rowKey, {',
        replace:
          '        else\n            this.#written(from, id, 0, NOTHING);\n        if (fault === undefined)\n            hints.submit(rowKey, {',
      },
    ],
  },
  {
    name: 'release-forgets-the-newer',
    story: 'The answer to a hint removes it, although something newer was added to it meanwhile.',
    breaks: ['A8', 'A1'],
    focus: AWAY,
    patches: [{ file: LANES, find: 'if (isNamed && record.number !== number) {', replace: 'if (false) {' }],
  },
  {
    name: 'hints-forgotten-at-a-start',
    story: 'Hints that are found on the disk at a start are never delivered.',
    breaks: ['A8'],
    focus: AWAY,
    patches: [
      { file: HINTS, find: 'this.count.add(target, rowKey, holdsRow, bytes, 1);', replace: 'void target;' },
    ],
  },
]
