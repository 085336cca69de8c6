/**
 * Whoever makes things go wrong: at random times one of the seed's faults, for a while. It keeps the budget without which nothing
 * could be promised: only one host's disk ever loses what was durable.
 */

import type { Counters } from './counters.js'
import type { Crowd } from './crowd.js'
import type { DiskImage } from './disk.js'
import type { SimHost } from './host.js'
import { loseFiles } from './lost-files.js'
import { type Side, sides } from './partitions.js'
import type { Prng } from './prng.js'
import { DISASTERS, FAULTS, type Fault } from './swarm.js'
import type { World } from './world.js'

/** The guard's side file follows the database by a quarter of a second of its own clock, and may wait for a slow disk. */
const WATERMARK_MS = 2_500
const LOOK_MS = 200
const LATE_MS = 40
/** Crowds of one seed: each is a thousand reads. */
const MOST_RUSHES = 3
/** So often in a row must the cluster look whole before an old copy is restored: gossip has gone round by then. */
const QUIET_LOOKS = 12

export class Nemesis {
  readonly #world: World
  readonly #prng: Prng
  readonly #counters: Counters
  readonly #faults: readonly Fault[]
  readonly #crowd: Crowd | undefined
  #rushes = MOST_RUSHES
  #stopped = false

  /** `spared`: faults that the seed allows and this nemesis leaves out; `crowd`: where there is anything to read. */
  constructor(
    world: World,
    prng: Prng,
    counters: Counters,
    spared: readonly Fault[] = [],
    crowd: Crowd | undefined = undefined,
  ) {
    this.#world = world
    this.#crowd = crowd
    this.#prng = prng
    this.#counters = counters
    const allowed = (fault: Fault): boolean => world.config.faults.has(fault) && !spared.includes(fault)
    this.#faults = FAULTS.filter((fault) => allowed(fault) && fault !== 'harsh-network')
  }

  start(): void {
    if (this.#faults.length === 0) return
    this.#world.timeline.after(this.#prng.exponential(this.#world.config.calmMs), 'nemesis', () => {
      if (this.#stopped) return
      this.#strike(this.#prng.pick(this.#faults))
      this.start()
    })
  }

  stop(): void {
    this.#stopped = true
  }

  #strike(fault: Fault): void {
    if (DISASTERS.includes(fault) && this.#world.fates.hasDied(this.#world.frailHost)) return
    this.#counters.count(`fault ${fault}`)
    switch (fault) {
      case 'kill':
        return this.#crash(this.#someone(), false)
      case 'power-cut':
        return this.#crash(this.#someone(), true)
      case 'blackout':
        return this.#blackout()
      case 'clean-restart':
        return this.#restart(this.#someone())
      case 'pause':
        return this.#pause(this.#someone(), [50, 700, 4_000, 15_000])
      case 'long-pause':
        return this.#pause(this.#someone(), [60_000])
      case 'partition-halves':
      case 'partition-single':
      case 'partition-ring':
      case 'partition-bridge':
      case 'partition-one-way':
        return this.#partition(fault)
      case 'flapping':
        return this.#flap(this.#pair(), this.#prng.whole(2, 8))
      case 'clog':
        return this.#clog(this.#pair())
      case 'reset':
        return this.#reset(this.#pair())
      case 'harsh-network':
        return
      case 'clock-jump':
        return this.#jump(this.#someone())
      case 'clock-drift':
        return this.#drift(this.#someone())
      case 'slow-disk':
        return this.#slowDisk(this.#someone())
      case 'slow-sync':
        return this.#slowSyncs(this.#someone())
      case 'late-reads':
        return this.#lateReads(this.#someone())
      case 'damaged-frames':
        return this.#damageFrames(this.#pair())
      case 'crowd':
        return this.#rush(this.#someone())
      case 'full-disk':
        return this.#fillDisk(this.#someone())
      case 'io-error':
        return this.#failDisk(this.#someone())
      case 'damaged-row':
        return this.#damageRow(this.#frail())
      case 'lost-tail':
      case 'wipe':
      case 'old-copy':
        return this.#ruin(fault, this.#frail())
      case 'lost-files':
        return loseFiles(this.#world, this.#frail(), this.#prng)
      default:
        fault satisfies never
    }
  }

  #someone(): SimHost {
    return this.#prng.pick(this.#world.hosts)
  }

  #frail(): SimHost {
    return this.#world.config.unbudgeted ? this.#someone() : this.#world.frailHost
  }

  #pair(): readonly [SimHost, SimHost] {
    const [left, right] = this.#prng.shuffled(this.#world.hosts)
    return [left as SimHost, right ?? (left as SimHost)]
  }

  #act(line: string): void {
    this.#world.timeline.trace.act(this.#world.timeline.nowMs, line)
  }

  #later(delayMs: number, run: () => void): void {
    this.#world.timeline.after(delayMs, 'nemesis relents', run)
  }

  #crash(host: SimHost, powerCut: boolean): void {
    if (host.state === 'off') return
    const lost = host.crash(powerCut)
    this.#act(
      powerCut ? `${host.name} loses power, and ${lost} unsynced batches with it` : `${host.name} is killed`,
    )
    this.#world.startLater(host, this.#prng.pick([10, 300, 3_000, 9_000]))
  }

  /** Every machine at once; they come back one after the other. */
  #blackout(): void {
    this.#act('the power fails everywhere')
    for (const host of this.#world.hosts) this.#crash(host, true)
  }

  #restart(host: SimHost): void {
    if (host.state !== 'up' || host.isStopped) return
    this.#act(`${host.name} is asked to stop`)
    const began = this.#world.timeline.nowMs
    host.stop(() => {
      this.#act(`${host.name} has stopped after ${Math.round(this.#world.timeline.nowMs - began)} ms`)
      this.#world.startLater(host, this.#prng.between(10, 2_000))
    })
  }

  #pause(host: SimHost, lengthsMs: readonly number[]): void {
    if (host.state === 'off' || host.isStopped) return
    const pauseMs = this.#prng.pick(lengthsMs)
    this.#act(`${host.name} stands still for ${pauseMs} ms`)
    const process = host.process
    host.pause()
    this.#later(pauseMs, () => {
      if (host.process === process && host.isStopped) host.resume()
    })
  }

  #partition(fault: Fault): void {
    const side = sides(fault, this.#world.hosts, this.#prng)
    this.#act(`partition (${fault.slice('partition-'.length)}): ${side.story}`)
    this.#cut(side, true)
    this.#later(this.#prng.pick([200, 1_500, 6_000, 15_000]), () => {
      this.#act('the partition is healed')
      this.#cut(side, false)
    })
  }

  #cut(side: Side, cut: boolean): void {
    for (const [from, to] of side.ways) {
      this.#world.fabric.setCut(from.identity.peerAddress, to.identity.peerAddress, cut)
    }
  }

  #flap([left, right]: readonly [SimHost, SimHost], times: number): void {
    if (times === 0 || this.#stopped || left === right) return
    this.#act(`the way between ${left.name} and ${right.name} is cut for a moment`)
    const ways: Side['ways'] = [
      [left, right],
      [right, left],
    ]
    this.#cut({ ways, story: '' }, true)
    this.#later(this.#prng.between(20, 400), () => {
      this.#cut({ ways, story: '' }, false)
      if (this.#prng.chance(0.5)) this.#reset([left, right])
      this.#later(this.#prng.between(20, 600), () => this.#flap([left, right], times - 1))
    })
  }

  #clog([from, to]: readonly [SimHost, SimHost]): void {
    const clogMs = this.#prng.pick([20, 200, 1_500])
    this.#act(`the way from ${from.name} to ${to.name} takes ${clogMs} ms longer`)
    this.#world.fabric.setClog(from.identity.peerAddress, to.identity.peerAddress, clogMs)
    this.#later(this.#prng.between(500, 5_000), () => {
      this.#world.fabric.setClog(from.identity.peerAddress, to.identity.peerAddress, 0)
    })
  }

  #damageFrames([from, to]: readonly [SimHost, SimHost]): void {
    this.#act(`frames from ${from.name} to ${to.name} arrive damaged, one in ten`)
    this.#world.fabric.setDamage(from.identity.peerAddress, to.identity.peerAddress, 0.1)
    this.#later(this.#prng.between(500, 4_000), () => {
      this.#world.fabric.setDamage(from.identity.peerAddress, to.identity.peerAddress, 0)
    })
  }

  /** Its loop is late, and too many clients come at once, several times. */
  #rush(host: SimHost): void {
    if (this.#crowd === undefined || this.#rushes === 0 || host.state !== 'up') return
    this.#rushes -= 1
    this.#act(`a crowd comes to ${host.name}, whose loop is 40 ms late`)
    host.clock.lateMs = LATE_MS
    for (const delayMs of [0, 300, 400]) this.#later(delayMs, () => this.#crowd?.rush(host))
    this.#later(1_000, () => {
      host.clock.lateMs = 0
    })
  }

  #reset([left, right]: readonly [SimHost, SimHost]): void {
    this.#act(`the connection between ${left.name} and ${right.name} is reset`)
    this.#world.fabric.reset(left.identity.peerAddress, right.identity.peerAddress, 'connection reset')
  }

  #jump(host: SimHost): void {
    const byMs = this.#prng.pick([-3_600_000, -60_000, -500, 500, 60_000, 3_600_000])
    this.#act(`${host.name}'s wall clock jumps by ${byMs} ms`)
    host.clock.jump(byMs)
  }

  #drift(host: SimHost): void {
    const rate = this.#prng.pick([0.5, 0.9, 1, 1.1, 2, 5])
    this.#act(`${host.name}'s clocks run at ${rate} of their speed`)
    host.clock.setRate(rate)
  }

  #slowDisk(host: SimHost): void {
    const slowMs = this.#prng.pick([5, 50, 300])
    this.#act(`${host.name}'s disk takes ${slowMs} ms longer`)
    host.disk.slowMs = slowMs
    this.#later(this.#prng.between(500, 6_000), () => {
      host.disk.slowMs = 0
    })
  }

  #slowSyncs(host: SimHost): void {
    this.#act(`${host.name}'s disk takes 200 ms longer for each sync`)
    host.disk.slowSyncMs = 200
    this.#later(this.#prng.between(500, 6_000), () => {
      host.disk.slowSyncMs = 0
    })
  }

  #lateReads(host: SimHost): void {
    const lateMs = this.#prng.pick([20, 200, 1_000])
    this.#act(`what is read from ${host.name}'s disk arrives up to ${lateMs} ms late`)
    host.disk.lateReadMs = lateMs
    this.#later(this.#prng.between(500, 6_000), () => {
      host.disk.lateReadMs = 0
    })
  }

  #fillDisk(host: SimHost): void {
    this.#act(`${host.name}'s disk is full`)
    host.disk.full = true
    this.#later(this.#prng.between(500, 8_000), () => {
      host.disk.full = false
    })
  }

  #failDisk(host: SimHost): void {
    const errors = this.#prng.whole(1, 3)
    this.#act(`the next ${errors} syncs of ${host.name}'s disk fail`)
    host.disk.ioErrors = errors
  }

  #damageRow(host: SimHost): void {
    const rows = host.disk.keys().filter((key) => this.#prng.chance(0.15) || key.startsWith('d'))
    if (rows.length === 0) return
    const key = this.#prng.pick(rows)
    const damage = this.#prng.pick(['checksum', 'flip', 'misdirected'] as const)
    this.#act(`a row of ${host.name} goes bad (${damage})`)
    host.disk.damaged.set(key, damage)
    host.lostSomethingAtMs = this.#world.timeline.nowMs
  }

  /** Something happens to the directory while no process has it open. */
  #ruin(fault: 'lost-tail' | 'wipe' | 'old-copy', host: SimHost): void {
    if (host.state === 'off') return
    if (fault === 'old-copy') return this.#restoreLater(host)
    host.crash(false)
    const nowMs = this.#world.timeline.nowMs
    host.lostSomethingAtMs = nowMs
    if (fault === 'wipe') {
      this.#act(`${host.name} is killed and its directory wiped`)
      host.disk.wipe()
    } else {
      this.#world.reaping.diskWentBack()
      const lost = host.disk.loseTail(this.#prng, nowMs - WATERMARK_MS)
      this.#act(`${host.name} is killed, and ${lost} synced batches vanish from its log`)
    }
    this.#world.startLater(host, this.#prng.pick([300, 3_000]))
  }

  /**
   * What gives an old copy away is that peers know a later boot of that node. So the node is started again after the copy was
   * taken, and for a while everybody hears everybody. (A copy of the very boot that the peers knew last looks like a crash: see
   * docs/simulation.md.)
   */
  #restoreLater(host: SimHost): void {
    const image = host.disk.image()
    const ups = host.ups
    this.#act(`somebody copies ${host.name}'s directory`)
    let quietLooks = 0
    const look = (): void => {
      if (this.#stopped || this.#world.fates.hasDied(host)) return
      const quiet =
        host.ups > ups && this.#world.up().length === this.#world.hosts.length && this.#world.fabric.isWhole
      quietLooks = quiet ? quietLooks + 1 : 0
      if (quietLooks > QUIET_LOOKS) this.#restore(host, image)
      else this.#later(LOOK_MS, look)
    }
    this.#later(this.#prng.between(200, 3_000), () => {
      if (!this.#stopped && host.ups === ups) this.#crash(host, false)
      look()
    })
  }

  #restore(host: SimHost, image: DiskImage): void {
    host.crash(false)
    this.#act(`${host.name} is killed, and the older copy of its directory restored`)
    host.restore(image)
    this.#world.reaping.diskWentBack()
    this.#world.startLater(host, this.#prng.pick([300, 3_000]))
  }
}
