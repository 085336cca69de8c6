/** The shapes in which a network falls apart (after Jepsen's grudges), as ways from one host to another that are cut. */
import type { SimHost } from './host.js'
import type { Prng } from './prng.js'
import type { Fault } from './swarm.js'

export interface Side {
  readonly ways: readonly (readonly [from: SimHost, to: SimHost])[]
  readonly story: string
}

export function sides(fault: Fault, hosts: readonly SimHost[], prng: Prng): Side {
  const shuffled = prng.shuffled(hosts)
  switch (fault) {
    case 'partition-halves':
      return apart(
        shuffled.slice(0, Math.ceil(hosts.length / 2)),
        shuffled.slice(Math.ceil(hosts.length / 2)),
      )
    case 'partition-ring':
      return ring(shuffled)
    case 'partition-bridge':
      return bridge(shuffled)
    case 'partition-one-way':
      return oneWay(shuffled)
    default:
      return apart(shuffled.slice(0, 1), shuffled.slice(1))
  }
}

function apart(left: readonly SimHost[], right: readonly SimHost[]): Side {
  return { ways: [...ways(left, right), ...ways(right, left)], story: `${names(left)} | ${names(right)}` }
}

/** Everybody sees a majority, no two see the same one. */
function ring(hosts: readonly SimHost[]): Side {
  const reach = Math.ceil(Math.floor(hosts.length / 2) / 2)
  const distance = (left: number, right: number): number => {
    const along = Math.abs(left - right)
    // Of three, everybody is everybody's neighbour: there the ring is a line.
    return hosts.length === 3 ? along : Math.min(along, hosts.length - along)
  }
  const cut = hosts.flatMap((host, index) =>
    hosts.filter((_, other) => distance(index, other) > reach).map((other) => [host, other] as const),
  )
  return { ways: cut, story: `everybody on ${names(hosts)} hears only neighbours` }
}

/** Two halves that cannot hear each other, and one host that hears both. */
function bridge(hosts: readonly SimHost[]): Side {
  const [middle, ...rest] = hosts
  const side = apart(rest.slice(0, Math.ceil(rest.length / 2)), rest.slice(Math.ceil(rest.length / 2)))
  return { ways: side.ways, story: `${side.story}, and ${middle?.name ?? 'nobody'} hears both` }
}

function oneWay(hosts: readonly SimHost[]): Side {
  const [deaf, ...rest] = hosts
  if (deaf === undefined) return { ways: [], story: '' }
  return { ways: ways(rest, [deaf]), story: `${deaf.name} is heard and hears nobody` }
}

function ways(from: readonly SimHost[], to: readonly SimHost[]): (readonly [SimHost, SimHost])[] {
  return from.flatMap((left) => to.map((right) => [left, right] as const))
}

function names(hosts: readonly SimHost[]): string {
  return hosts.map((host) => host.name).join(' ')
}
