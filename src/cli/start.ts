import { findSecret, type Secret, SecretError } from '../io/secret.js'
import { prepareDataDirectory } from './data-directory.js'
import { type NodeConfig, nodeConfig } from './node-config.js'
import { freePort } from './ports.js'
import type { Invocation } from './resolve.js'
import { onParentGone, onStopSignals } from './stop-signal.js'
import { complain } from './terminal.js'
import { UsageError } from './usage-error.js'
import { type HostPort, isLoopback } from './values.js'

/** What is written to the standard streams at the end is out by then, and process.exit, which would wait for what hangs, comes later (src/main.ts). */
const LINGER_MS = 400

/** `rotunda start`: one node, until it is told to stop. */
export async function start(invocation: Invocation): Promise<number> {
  let atOnce = () => process.exit(1)
  const asked = untilAsked(invocation.settings.stopWithParent, () => atOnce())
  const config = await withPorts(nodeConfig(invocation))
  // RocksDB makes its files with the mode that this leaves: for this user alone.
  process.umask(0o077)
  const warnings = prepareDataDirectory(config.dataDirectory)
  const secret = secretOf(config)
  const { processLog } = await import('../io/log.js')
  const readable = process.stdout.isTTY === true
  const log = processLog({ level: config.logLevel, node: config.name, readable })
  const { endProcess } = await import('../kernel/index.js')
  atOnce = () => endProcess(1)
  // Whatever is thrown where nobody expected it leaves the node in a state that nobody knows. The disk is safe to stop on.
  process.on('uncaughtException', (error) => {
    log.last('uncaught', { error })
    complain(`a bug, whose stack is in the log: ${error}`)
    endProcess(1)
  })
  for (const warning of [...warnings, ...secret.warnings, ...exposure(config)])
    log.warn('unsafe', { warning })
  const { runNode } = await import('./node-run.js')
  try {
    await runNode(config, secret, log, asked)
    return 0
  } finally {
    log.flush()
    if (config.stopWithParent) process.stdin.destroy()
    // Where a call to the disk never comes back, neither would the end of the event loop, nor process.exit.
    setTimeout(() => endProcess(Number(process.exitCode)), LINGER_MS).unref()
  }
}

/** Resolves when somebody wants this process to stop. Asked a second time it ends at once. */
function untilAsked(stopWithParent: boolean, atOnce: () => never): Promise<'asked'> {
  return new Promise((resolve) => {
    onStopSignals(() => resolve('asked'), atOnce)
    if (stopWithParent) onParentGone(() => resolve('asked'))
  })
}

function secretOf(config: NodeConfig): Secret {
  const { secretFile: file, dataDirectory, loopbackOnly } = config
  try {
    return findSecret({ file, dataDirectory, loopbackOnly })
  } catch (error) {
    throw error instanceof SecretError ? new UsageError(error.message) : error
  }
}

function exposure({ listen }: NodeConfig): string[] {
  if (isLoopback(listen.host)) return []
  return [
    'clients are neither authenticated nor encrypted in this version: whoever reaches --listen can read and write',
  ]
}

/** Port 0 takes a free one. It must be known before others are told about it. */
async function withPorts(config: NodeConfig): Promise<NodeConfig> {
  const listen = await withPort(config.listen)
  const peerListen = await withPort(config.peerListen)
  return Object.freeze({
    ...config,
    listen,
    peerListen,
    advertise: { ...config.advertise, port: config.advertise.port || listen.port },
    peerAdvertise: { ...config.peerAdvertise, port: config.peerAdvertise.port || peerListen.port },
  })
}

async function withPort(address: HostPort): Promise<HostPort> {
  return address.port === 0 ? { host: address.host, port: await freePort(address.host) } : address
}
