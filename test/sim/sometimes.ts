/**
 * Branches that a few hundred seeds must reach. One that they never reach is one that nobody has tested, however green the
 * seeds are ("sometimes assertions").
 */
const EXPECTED: Readonly<Record<string, string>> = {
  acknowledged: 'a write was acknowledged',
  'siblings seen': 'a read showed several versions',
  retries: 'a client sent an operation again',
  'deletes without context': 'a delete looked for itself what to remove',
  'write TIMEOUT': 'a write was left indeterminate',
  'write QUORUM_UNMET': 'a write found too few replicas',
  'write STORAGE_FULL': 'a full disk refused a write',
  'read QUORUM_UNMET': 'a read found too few replicas',
  requests_forwarded_total: 'a node that is no owner forwarded a request',
  read_repairs_sent_total: 'a read repaired a replica',
  suspicions_total: 'a peer that did not answer was suspected',
  'log peer-answers-again': 'a suspected peer answered again',
  'acknowledged with nodes standing in': 'a write was acknowledged with hints among its copies',
  requests_stood_in_total: 'a node coordinated for owners of which it could reach none',
  hints_delivered_total: 'a hint was delivered',
  hints_refused_total: 'a hint was refused for want of room',
  'log hints-found': 'a node found hints at its start',
  'exchanges_total{result="same"}': 'two replicas compared their trees and were alike',
  'exchanges_total{result="repaired"}': 'two replicas compared their trees and exchanged what differed',
  'exchanges_total{result="broken-off"}': 'an exchange was broken off',
  'exchange_keys_repaired_total{direction="pulled"}': 'an exchange brought a row here',
  'exchange_keys_repaired_total{direction="pushed"}': 'an exchange sent a row there',
  'log trees-building': 'trees were built by scanning',
  'log trees-kept': 'trees were taken over from the stop before',
  storage_rows_buffered_total: 'a row was acknowledged from memory',
  tombstones_reaped_total: 'a tombstone was let go of',
  clocks_shed_total: 'a clock shed entries of actors of whom nothing was left',
  'background_units_total{task="reaping"}': 'reaping was paid for',
  'damaged frames': 'a damaged frame was noticed',
  'read of a crowd OVERLOADED': 'one of a crowd was refused',
  pauses_total: 'a node noticed that it had stood still',
  storage_rows_damaged_total: 'a damaged row was noticed',
  'log storage-fenced': 'a failed write fenced a node',
  'log storage-reopened': 'a fenced node came back',
  'log storage-lost-rows': 'a lost tail was noticed',
  'log rebuild-begun': 'a replica that lost rows began to fetch them',
  'log rebuild-complete': 'such a replica became whole again',
  'log must-stop': 'a superseded node stopped itself',
  'log waiting-to-join': 'a node had to wait to be let in',
}

/** Those that never happened, in words. */
export function neverHappened(counts: ReadonlyMap<string, number>): readonly string[] {
  return Object.keys(EXPECTED)
    .filter((name) => (counts.get(name) ?? 0) === 0)
    .map((name) => EXPECTED[name] as string)
}
