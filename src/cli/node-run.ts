/** The life of one node's process: put together, started, told to stop, or unable to go on. */

import type { ProcessLog } from '../io/log.js'
import type { Secret } from '../io/secret.js'
import { endProcess } from '../kernel/index.js'
import { limits } from '../limits.js'
import type { StartFailure } from '../node/options.js'
import { VERSION } from '../version.js'
import { Fault } from './ask.js'
import { type ComposedNode, composeNode } from './compose.js'
import type { NodeConfig } from './node-config.js'
import { setAside } from './set-aside.js'
import { complain } from './terminal.js'
import { UsageError } from './usage-error.js'
import { type HostPort, hostPort, hostPortText } from './values.js'

/** A stop that takes longer than this hangs: requests in flight get half of it, the rest is fast. */
const LONGEST_STOP_MS = 20_000

type End = 'asked' | StartFailure

/**
 * Runs the node until `asked` resolves, then stops it. Throws Fault or UsageError where it cannot start or go on. A directory that
 * turns out to be an old copy is set aside, and the node goes on with an empty one, which the other members fill.
 */
export async function runNode(
  config: NodeConfig,
  secret: Secret,
  log: ProcessLog,
  asked: Promise<'asked'>,
): Promise<void> {
  const end = await runOnce(config, secret, log, asked)
  if (end === 'asked') return
  switch (end.kind) {
    case 'config':
      throw new UsageError(end.message)
    case 'fault':
    case 'removed':
    case 'stuck':
      throw new Fault(end.message)
    case 'superseded': {
      const directory = setAside(config.dataDirectory, Date.now())
      log.warn('set-aside', { reason: end.message, directory })
      return runNode({ ...config, join: end.join?.map(hostPort) ?? config.join }, secret, log, asked)
    }
    case 'left':
      return
    default:
      return end.kind satisfies never
  }
}

async function runOnce(
  config: NodeConfig,
  secret: Secret,
  log: ProcessLog,
  asked: Promise<'asked'>,
): Promise<End> {
  const composed = await composeNode(config, secret, log)
  const { node, api } = composed
  const broken = new Promise<End>((resolve) => {
    node.onFatal = resolve
  })
  await listen(api, config.listen)
  const started = new Promise<StartFailure | undefined>((resolve) => node.start(resolve))
  const early = await Promise.race([started, broken, asked])
  if (early === undefined) log.info('ready', readyFields(config))
  const end = early ?? (await Promise.race([broken, asked]))
  if (end === 'asked') log.info('stopping')
  else if (end.kind === 'left') log.info('stopping', { reason: end.message })
  else log.error('stopping', { reason: end.message })
  // No new requests, those in flight finish, then the node closes. Where its storage is stuck neither can.
  const late = setTimeout(() => giveUp(log, 'stopping takes too long; giving up'), LONGEST_STOP_MS)
  const isStuck = end !== 'asked' && end.kind === 'stuck'
  await composed.api.close(isStuck ? limits.closeMomentMs : undefined)
  if (isStuck) giveUp(log, end.message)
  await new Promise<void>((resolve) => composed.node.stop(resolve))
  clearTimeout(late)
  log.info('stopped')
  return end
}

function readyFields({ listen, peerAdvertise, advertise }: NodeConfig): Record<string, unknown> {
  return {
    url: `http://${hostPortText(listen)}`,
    ...(hostPortText(advertise) !== hostPortText(listen) && { advertised: hostPortText(advertise) }),
    peer: hostPortText(peerAdvertise),
    version: VERSION,
    pid: process.pid,
    afterMs: Math.round(performance.now()),
  }
}

async function listen(api: ComposedNode['api'], address: HostPort): Promise<void> {
  try {
    await api.listen(address.host, address.port)
  } catch (error) {
    throw new Fault(cannotListen(address, error as NodeJS.ErrnoException))
  }
}

function cannotListen(address: HostPort, { code, message }: NodeJS.ErrnoException): string {
  const text = hostPortText(address)
  switch (code) {
    case 'EADDRINUSE':
      return `another process listens at ${text}: choose another address with --listen`
    case 'EADDRNOTAVAIL':
      return `this machine has no address ${address.host}: choose another with --listen`
    case 'EACCES':
      return `this user may not listen at ${text}: choose a port above 1023 with --listen`
    default:
      return `cannot listen at ${text}: ${message}`
  }
}

/** Not by `process.exit`: it waits for what the storage is doing. */
function giveUp(log: ProcessLog, why: string): never {
  log.last('gave-up', { reason: why })
  complain(why)
  return endProcess(1)
}
