/** What this machine lets the suite do. What it does not is "not run", with the reason; it never counts as passed. */
import { spawn, spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, readdirSync, rmSync, truncateSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { isIsolated } from './isolation.js'
import { FAULTS, type Fault } from './schedule.js'

/** What the nodes' directories are on. */
export type DiskKind = 'loop' | 'tmpfs' | 'plain'

export interface Machine {
  readonly disk: DiskKind
  /** A library that fakes the wall clock. */
  readonly fakeTime: string | undefined
  /** Why a fault cannot be done here. */
  readonly cannot: ReadonlyMap<Fault, string>
}

const MOUNT_WHY = 'no file system may be mounted here'

/** `scratch` is a directory of this run. */
export function probe(scratch: string): Machine {
  const disk = isIsolated() ? diskKind(scratch) : 'plain'
  const fakeTime = findFakeTime()
  const cannot = new Map<Fault, string>()
  if (disk === 'plain') cannot.set('full-disk', MOUNT_WHY)
  const noImage = disk === 'plain' ? MOUNT_WHY : 'no ext4 image can be mounted through a loop device here'
  if (disk !== 'loop') for (const fault of ['power-cut', 'blackout'] as const) cannot.set(fault, noImage)
  if (!canTrace())
    for (const fault of ['sync-error', 'slow-sync'] as const)
      cannot.set(fault, 'strace is not here, or may not attach')
  if (fakeTime === undefined) cannot.set('clock-jump', 'libfaketime is not here')
  if (process.platform === 'win32') cannot.set('pause', 'Windows has no SIGSTOP')
  return { disk, fakeTime, cannot }
}

/** Faults that are asked for and can be done. */
export function possible(machine: Machine, asked: readonly Fault[] = FAULTS): Fault[] {
  return asked.filter((fault) => !machine.cannot.has(fault))
}

function diskKind(scratch: string): DiskKind {
  const directory = join(scratch, 'probe')
  const image = join(scratch, 'probe.img')
  mkdirSync(directory)
  writeFileSync(image, '')
  truncateSync(image, 32 * 1024 * 1024)
  const works = (...steps: string[][]) =>
    steps.every(([program, ...args]) => spawnSync(program as string, args).status === 0)
  const loop = works(
    ['mkfs.ext4', '-q', '-F', image],
    ['mount', '-o', 'loop', image, directory],
    ['umount', directory],
  )
  const tmpfs =
    loop || works(['mount', '-t', 'tmpfs', '-o', 'size=1m', 'tmpfs', directory], ['umount', directory])
  rmSync(directory, { recursive: true })
  rmSync(image)
  return loop ? 'loop' : tmpfs ? 'tmpfs' : 'plain'
}

/** Attaches to a child for a moment: that it is there says nothing about whether it may. */
function canTrace(): boolean {
  if (process.platform !== 'linux' || spawnSync('strace', ['-V']).status !== 0) return false
  const child = spawn('sleep', ['5'], { stdio: 'ignore' })
  const { error } = spawnSync(
    'strace',
    [
      '-f',
      '-qq',
      '-o',
      '/dev/null',
      '-p',
      `${child.pid}`,
      '-e',
      'trace=fdatasync',
      '-e',
      'inject=fdatasync:error=EIO:when=1',
    ],
    { timeout: 700, killSignal: 'SIGINT' },
  )
  child.kill('SIGKILL')
  // It went on until it was stopped: it was attached.
  return (error as NodeJS.ErrnoException | undefined)?.code === 'ETIMEDOUT'
}

function findFakeTime(): string | undefined {
  if (process.platform !== 'linux') return undefined
  const asked = process.env.ROTUNDA_CHAOS_FAKETIME
  if (asked !== undefined) return existsSync(asked) ? asked : undefined
  const folders = ['/usr/lib', '/usr/local/lib'].flatMap((root) => {
    const inside = existsSync(root) ? readdirSync(root).map((name) => join(root, name, 'faketime')) : []
    return [join(root, 'faketime'), ...inside]
  })
  // The one for programs with threads, where there is one.
  const paths = ['libfaketimeMT.so.1', 'libfaketime.so.1'].flatMap((name) =>
    folders.map((folder) => join(folder, name)),
  )
  return paths.find((path) => existsSync(path))
}
