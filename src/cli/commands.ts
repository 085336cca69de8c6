/** What rotunda can be told to do. The code of a command is loaded when it is run, so that none pays for the others. */
import type { SettingKey } from '../config.js'
import type { Invocation } from './resolve.js'

/** The exit code: 0 done (or stopped as asked), 1 a fault. Usage errors are thrown and become 2. */
export type Run = (invocation: Invocation) => Promise<number>

export interface Operand {
  readonly name: string
  readonly optional?: true
}

export interface Command {
  readonly name: string
  readonly summary: string
  readonly operands: readonly Operand[]
  readonly settings: readonly SettingKey[]
  /** Lines shown below the flags in its help. */
  readonly notes: readonly string[]
  readonly load: () => Promise<Run>
}

const BUCKET: Operand = { name: 'BUCKET' }
const KEY: Operand = { name: 'KEY' }
const MEMBER: Operand = { name: 'MEMBER' }
const DIRECTORY: Operand = { name: 'DIR' }
const NODE_KINDS = ['engine', 'durability', 'n', 'partitions', 'valueBytes'] as const

export const COMMANDS: readonly Command[] = [
  {
    name: 'dev',
    summary: 'Run a whole cluster on this machine, for development.',
    operands: [],
    settings: ['nodes', 'data', 'port', ...NODE_KINDS, 'logLevel', 'stopWithParent', 'config'],
    notes: [
      'Nodes listen on loopback at --port and the ports after it, and talk to each other 100 ports above.',
      'Ctrl-C stops all of them. A node that dies on its own (or that you kill) is started again after a moment.',
    ],
    load: async () => (await import('./dev.js')).dev,
  },
  {
    name: 'start',
    summary: 'Run one node.',
    operands: [],
    settings: [
      'name',
      'data',
      'listen',
      'peerListen',
      'join',
      'replace',
      'awaitMembers',
      'advertise',
      'peerAdvertise',
      'zone',
      'weight',
      'secretFile',
      ...NODE_KINDS,
      'cacheBytes',
      'hintBytes',
      'transferRate',
      'transfers',
      'freeSpaceFloor',
      'logLevel',
      'stopWithParent',
      'config',
    ],
    notes: [
      'A new directory without --join begins a new cluster of one. A node that is a member already comes back as itself.',
      'With --join and --replace a new directory takes the place of a dead member: its partitions, weight and zone.',
      'SIGTERM or Ctrl-C stops it cleanly; a second one at once.',
    ],
    load: async () => (await import('./start.js')).start,
  },
  {
    name: 'status',
    summary: 'Show the members of the cluster and how they are.',
    operands: [],
    settings: ['json', 'url', 'timeout', 'config'],
    notes: [],
    load: async () => (await import('./status.js')).status,
  },
  {
    name: 'ring',
    summary: 'Show which nodes own which partitions.',
    operands: [],
    settings: ['json', 'url', 'timeout', 'config'],
    notes: [],
    load: async () => (await import('./ring.js')).ring,
  },
  {
    name: 'ring split',
    summary: 'Divide the key space into more partitions.',
    operands: [],
    settings: ['partitions', 'json', 'url', 'timeout', 'config'],
    notes: [
      'Without --partitions there are twice as many. Nothing moves: owners own all parts of what they own.',
      'Later changes spread the load more evenly. There are never fewer partitions again.',
    ],
    load: async () => (await import('./cluster-change.js')).split,
  },
  {
    name: 'ring copies',
    summary: 'Keep another number of copies of each key (N).',
    operands: [{ name: 'COPIES' }],
    settings: ['json', 'url', 'timeout', 'config'],
    notes: [
      'Requests that ask for a quorum mean one of the new number, as soon as its owners hold the rows.',
    ],
    load: async () => (await import('./cluster-change.js')).copies,
  },
  {
    name: 'ring plan',
    summary: 'Show what a change would move, before it is made.',
    operands: [{ name: 'CHANGE' }, { name: 'WHAT', optional: true }, { name: 'BY', optional: true }],
    settings: ['weight', 'zone', 'partitions', 'json', 'url', 'timeout', 'config'],
    notes: [
      'CHANGE is join NAME, leave NAME, remove NAME, replace OLD NEW, weight NAME WEIGHT, zone NAME ZONE, split or copies N.',
      '--weight and --zone are of a machine that is to come, --partitions of a split. Nothing is recorded.',
      'Bytes are an estimate, from the partitions that the asked node holds.',
    ],
    load: async () => (await import('./plan.js')).plan,
  },
  {
    name: 'leave',
    summary: 'Let a member leave: it hands over what it holds, and stops.',
    operands: [MEMBER],
    settings: ['wait', 'json', 'url', 'timeout', 'config'],
    notes: [
      'No request fails because of it. "rotunda status" shows how far it is. It never comes back under the same identity.',
    ],
    load: async () => (await import('./change.js')).leave,
  },
  {
    name: 'remove',
    summary: 'Remove a member that is dead, for ever.',
    operands: [MEMBER],
    settings: ['wait', 'json', 'url', 'timeout', 'config'],
    notes: ['Refused while it answers. Others take over its partitions from the copies that are left.'],
    load: async () => (await import('./change.js')).removeMember,
  },
  {
    name: 'replace',
    summary: 'Give the place of a member that is dead to a machine that is to come.',
    operands: [MEMBER, { name: 'NEW' }],
    settings: ['wait', 'json', 'url', 'timeout', 'config'],
    notes: [
      'NEW is the name under which the new machine will join: rotunda start --name NEW --join HOST:PORT on an empty directory.',
      'Refused while MEMBER answers. A machine that is there already can ask for the place itself:',
      'rotunda start --join … --replace MEMBER.',
    ],
    load: async () => (await import('./change.js')).replaceMember,
  },
  {
    name: 'weight',
    summary: 'Give a member another share of the data.',
    operands: [MEMBER, { name: 'WEIGHT' }],
    settings: ['wait', 'json', 'url', 'timeout', 'config'],
    notes: [],
    load: async () => (await import('./change.js')).weight,
  },
  {
    name: 'zone',
    summary: 'Tell that a member is in another zone.',
    operands: [MEMBER, { name: 'ZONE' }],
    settings: ['wait', 'json', 'url', 'timeout', 'config'],
    notes: [],
    load: async () => (await import('./change.js')).zone,
  },
  {
    name: 'backup',
    summary: 'Copy every key of the cluster into a directory.',
    operands: [DIRECTORY],
    settings: ['json', 'url', 'config'],
    notes: [
      'Clients go on meanwhile. What was acknowledged before it began is in it: versions, contexts and deletions included.',
      'Members are asked at the addresses that they tell clients.',
      'Stopped, it goes on with what is missing when it is begun again.',
    ],
    load: async () => (await import('./backup/backup.js')).backup,
  },
  {
    name: 'restore',
    summary: 'Bring the keys of a backup into a cluster, of any size.',
    operands: [DIRECTORY],
    settings: ['allowReaped', 'salvage', 'json', 'url', 'config'],
    notes: [
      'Each key is joined with what the cluster holds of it: nothing newer is lost.',
      'Exit code 1 where something was left out.',
      'Stopped, it goes on with what is missing when it is begun again within a day.',
    ],
    load: async () => (await import('./backup/restore.js')).restore,
  },
  {
    name: 'get',
    summary: 'Print the value of a key.',
    operands: [BUCKET, KEY],
    settings: ['versions', 'showContext', 'r', 'timeout', 'json', 'url', 'config'],
    notes: [
      'The bytes go to standard output as they are. Where several concurrent versions are live, none is printed:',
      '--versions shows them all, with the context to write the merged value with. Exit code 1 where nothing is stored.',
    ],
    load: async () => (await import('./get.js')).get,
  },
  {
    name: 'put',
    summary: 'Store a value.',
    operands: [BUCKET, KEY, { name: 'VALUE', optional: true }],
    settings: [
      'file',
      'context',
      'showContext',
      'contentType',
      'meta',
      'operation',
      'w',
      'timeout',
      'json',
      'url',
      'config',
    ],
    notes: [
      'Without VALUE and --file the value is read from standard input. A VALUE that begins with a hyphen goes after --.',
      'Without --context the write replaces nothing that it might not have seen: it may become a concurrent version.',
    ],
    load: async () => (await import('./put.js')).put,
  },
  {
    name: 'delete',
    summary: 'Delete a key.',
    operands: [BUCKET, KEY],
    settings: ['context', 'showContext', 'operation', 'w', 'timeout', 'json', 'url', 'config'],
    notes: ['Without --context it removes what a read at quorum sees now.'],
    load: async () => (await import('./delete.js')).remove,
  },
]
