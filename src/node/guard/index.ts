export * from './face.js'
export { StorageGuard } from './guard.js'
