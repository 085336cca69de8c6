/**
 * The TypeScript face of the native core: the only importer of native/. All functions are synchronous; byte arguments are
 * Uint8Arrays; expected outcomes are numbers (CODES), mistakes throw KernelError. Results go into the caller's buffer, whose size the
 * function of the same name with `Bound` gives. Inputs are never kept and never changed.
 */
export { type Attributes, decodeAttributes, encodeAttributes } from './attributes.js'
export {
  type Act,
  type Change,
  type ChangeKind,
  type ChangeMark,
  encodeChanges,
  MAX_WEIGHT,
  MAX_ZONE_BYTES,
  MIN_WEIGHT,
} from './changes.js'
export {
  ACTOR_BYTES,
  type ClockEntry,
  checkContext,
  type Dot,
  decodeClock,
  EMPTY_CLOCK,
  entryContains,
  type Span,
} from './clock.js'
export { CODES, KernelError, type KernelErrorCode } from './codes.js'
export { crc32c, DIGEST_BYTES, digestOf, objectDigest, versionDigest } from './digest.js'
export { keyHash, makeRowKey, partitionOf, sealRowKey, splitRowKey } from './key.js'
export {
  MERKLE_NODE_BYTES,
  type MerkleShape,
  merkleBytes,
  merkleClear,
  merkleCommit,
  merkleCreate,
  merkleDepth,
  merkleDiffer,
  merkleFree,
  merkleFreeWith,
  merkleLevel,
  merklePack,
  merklePackBound,
  merkleRows,
  merkleSegment,
  merkleSplit,
  merkleUnpack,
  merkleWidth,
} from './merkle.js'
export {
  checkObject,
  compareObjects,
  compareSkeleton,
  coversContext,
  type DecodedObject,
  decodeObject,
  liveCount,
  liveCovered,
  mergeObjects,
  mergeObjectsBound,
  objectClock,
  objectSkeleton,
  RELATION,
  type Sibling,
  shedObject,
  siblingCount,
  skeletonOf,
  spareEntries,
  writtenContext,
  writtenContextBound,
} from './object.js'
export { type Move, type Placement, PlacementCheckpoint, type Plan, placementTable } from './placement.js'
export { endProcess } from './process.js'
export {
  applyWrite,
  applyWriteBound,
  checkRow,
  clockActors,
  isLiveRow,
  mergeBound,
  mergeRow,
  ROW_FLAGS,
  rowActor,
  rowCommit,
  rowFlags,
  rowObject,
  type SiblingLimits,
  sealRow,
  setIncomplete,
  shedRow,
  type Write,
} from './row.js'
export { KEY_ID_BYTES, openToken, sealToken, TOKEN_KEY_BYTES, TOKEN_MAC_BYTES } from './token.js'
