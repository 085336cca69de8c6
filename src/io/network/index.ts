export type { NetworkTiming, WsNetworkOptions } from './options.js'
export type { NetworkStats } from './stats.js'
export { WsNetwork } from './ws-network.js'
