/** Some of the files of a directory are not what they were: a table while the process runs, others while it does not. */
import type { SimHost } from './host.js'
import type { Prng } from './prng.js'
import type { World } from './world.js'

export function loseFiles(world: World, host: SimHost, prng: Prng): void {
  const what = prng.pick(['table', 'database', 'side file', 'slot', 'manifest'] as const)
  if (host.state === 'off') return
  if (what === 'table') return spoilTable(world, host, prng)
  host.crash(false)
  tell(world, `${host.name} is killed, and its ${what} lost`)
  // Nothing that is durable goes with the side file.
  if (what === 'side file') host.disk.slots = [undefined, undefined]
  else if (what === 'slot') host.disk.damageSlot(prng)
  else host.lostSomethingAtMs = world.timeline.nowMs
  if (what === 'database') host.disk.loseDatabase()
  else if (what === 'manifest') spoilManifest(world, host, prng)
  world.startLater(host, prng.pick([300, 3_000]))
}

function spoilTable(world: World, host: SimHost, prng: Prng): void {
  for (const key of host.disk.keys()) if (prng.chance(0.5)) host.disk.damaged.set(key, 'checksum')
  host.lostSomethingAtMs = world.timeline.nowMs
  tell(world, `a table of ${host.name} goes bad`)
}

/** It does not start any more, until its operator sees that. */
function spoilManifest(world: World, host: SimHost, prng: Prng): void {
  host.disk.unopenable = true
  world.timeline.after(prng.between(2_000, 8_000), 'nemesis relents', () => {
    if (!host.disk.unopenable) return
    host.crash(false)
    world.setAside(host)
  })
}

function tell(world: World, line: string): void {
  world.timeline.trace.act(world.timeline.nowMs, line)
}
