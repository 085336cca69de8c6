/** Counters and gauges of a node under Prometheus names. */
import { limits } from '../limits.js'
import { TASKS } from '../protocol/background/governor.js'
import type { StorageGuard } from './guard/index.js'
import type { Measurements } from './requests.js'
import type { RunningNode } from './running.js'
import { SLICE_KINDS } from './slices.js'

export function measurements(guard: StorageGuard, running: RunningNode | undefined): Measurements {
  const { stats } = guard
  const out = new Map<string, number>([
    ['storage_commits_total', stats.commits],
    ['storage_rows_written_total', stats.rowsWritten],
    ['storage_bytes_written_total', stats.bytesWritten],
    ['storage_rows_read_total', stats.rowsRead],
    ['storage_cache_hits_total', stats.cacheHits],
    ['storage_rows_damaged_total', stats.rowsDamaged],
    ['storage_tables_damaged', stats.tablesDamaged],
    ['storage_tables_mended_total', stats.tablesMended],
    ['storage_fences_total', stats.fences],
    ['storage_refused_total{reason="full"}', stats.refusedFull],
    ['storage_refused_total{reason="overloaded"}', stats.refusedOverloaded],
    ['storage_rows_buffered_total', stats.rowsBuffered],
    ['storage_buffered_rows', stats.bufferedRows],
    ['storage_buffered_bytes', stats.bufferedBytes],
    ['storage_buffered_rows_lost_total', stats.bufferLost],
    ['storage_queued_writes', stats.queuedWrites],
    ['storage_queued_bytes', stats.queuedBytes],
    ['storage_queued_reads', stats.queuedReads],
    ['storage_cache_bytes', stats.cacheBytes],
    ['storage_free_bytes', stats.freeBytes],
    ['storage_stalled_seconds', guard.stalledMs / 1000],
    ['storage_open', guard.state === 'open' ? 1 : 0],
  ])
  if (running === undefined) return out
  const { counts, admission } = running
  for (const [of, version] of Object.entries(running.keeper.versions.inUse)) out.set(`${of}_version`, version)
  out.set('requests_admitted_total', admission.counts.admitted)
  out.set('requests_shed_total', admission.counts.shed)
  out.set('requests_limit', admission.limit)
  out.set('queue_delay_seconds{queue="loop"}', admission.lateMs / 1_000)
  out.set('queue_delay_seconds{queue="disk"}', admission.behindMs / 1_000)
  out.set('peer_requests_refused_total', admission.counts.floods)
  const { governor } = running
  for (const task of TASKS) out.set(`background_units_total{task="${task}"}`, governor.spentBy(task))
  out.set('background_grant', governor.grant)
  sliceMeasurements(guard, out)
  out.set('request_p99_seconds{when="now"}', governor.p99Ms / 1_000)
  out.set('request_p99_seconds{when="quiet"}', governor.quietMs / 1_000)
  out.set('requests_in_flight', running.conversations.size)
  out.set('replica_operations', running.replica.operations)
  out.set('peers_connected', running.peers.ids.length)
  out.set('peers_suspected', running.peers.suspected)
  out.set('control_round_trip_seconds', running.peers.longestRoundTripMs / 1_000)
  out.set('suspicions_total', counts.suspicions)
  out.set('probes_sent_total', counts.probes)
  const { hints, bytes, delivered, refused, damaged } = running.replica.hints.count
  out.set('hints_held', hints)
  out.set('hints_bytes', bytes)
  out.set('hints_delivered_total', delivered)
  out.set('hints_refused_total', refused)
  out.set('hints_damaged_total', damaged)
  out.set('requests_stood_in_total', counts.stoodIn)
  out.set('requests_hedged_total', running.conversations.late)
  out.set('members', running.membership.ring.members.length)
  out.set('rebuilding', running.membership.own.incomplete ? 1 : 0)
  out.set('rows_to_recover', running.rebuilder.suspectRows)
  out.set('rows_recovered_total', running.rebuilder.rowsRecovered)
  out.set('frames_received_total', counts.framesIn)
  out.set('frames_malformed_total', counts.badFrames)
  out.set('bugs_total', counts.bugs)
  out.set('pauses_total', counts.pauses)
  out.set('tables_learned_total', counts.learned)
  out.set('read_repairs_sent_total', counts.repairsSent)
  out.set('requests_forwarded_total', counts.forwarded)
  transferMeasurements(running, out)
  entropyMeasurements(running, out)
  reapingMeasurements(running, out)
  return out
}

function sliceMeasurements({ slices }: StorageGuard, out: Map<string, number>): void {
  for (const kind of SLICE_KINDS) {
    const durations = slices.durations(kind)
    out.set(`background_slices_total{kind="${kind}"}`, durations.total)
    out.set(`background_slice_seconds{kind="${kind}",quantile="0.99"}`, durations.quantile(0.99) / 1_000)
    out.set(`background_slice_longest_seconds{kind="${kind}"}`, durations.longestMs / 1_000)
  }
}

function reapingMeasurements({ reaper, replica }: RunningNode, out: Map<string, number>): void {
  const { rounds, stopped, reaped, shed } = reaper.counts
  out.set('tombstones', replica.tombstones.count)
  out.set('reaping_rounds_total', rounds)
  out.set('reaping_rounds_stopped_total', stopped)
  out.set('tombstones_reaped_total', reaped)
  out.set('clocks_crowded', replica.tombstones.crowded)
  out.set('clocks_shed_total', shed)
  out.set('reaping_stopped_by', reaper.stoppedBy.length)
}

function transferMeasurements({ transfers, peers }: RunningNode, out: Map<string, number>): void {
  const { handover, sweep, moving, outflow } = transfers
  const move = transfers.progress((peer) => peers.isUp(peer))
  out.set('partitions_moving', moving)
  out.set('partitions_to_hand_over', handover.left)
  out.set('partitions_moving_seconds_left', move?.leftSeconds ?? 0)
  out.set('transfer_rows_sent_total', outflow.rowsSent)
  out.set('transfer_bytes_sent_total', outflow.bytesSent)
  out.set('transfer_rows_dropped_total', sweep.dropped)
  out.set('transfer_rows_unreadable_total', transfers.holes.leftBehind)
  const away = new Set(move?.waitsFor.flatMap(({ id, isThere }) => (isThere ? [] : [id])))
  out.set('partitions_wait_for_members_away', away.size)
}

function entropyMeasurements({ entropy }: RunningNode, out: Map<string, number>): void {
  const { counts } = entropy
  const { trees } = entropy.keeper
  out.set('exchanges_total{result="same"}', counts.same)
  out.set('exchanges_total{result="repaired"}', counts.repaired)
  out.set('exchanges_total{result="broken-off"}', counts.brokenOff)
  out.set('exchange_keys_repaired_total{direction="pulled"}', counts.keysPulled)
  out.set('exchange_keys_repaired_total{direction="pushed"}', counts.keysPushed)
  out.set('exchange_bytes_sent_total', counts.bytesSent)
  out.set('exchange_false_alarms_total', counts.falseAlarms)
  out.set('exchanges_in_flight', entropy.exchanging)
  out.set('trees_stale', trees.stale)
  out.set('tree_faults_total', trees.faults)
  out.set('exchange_oldest_age_seconds', entropy.alike.oldestAgeSeconds())
  if (trees.shape.partitions > limits.exchangeAges) return
  for (const [partition, seconds] of entropy.alike.agesSeconds())
    out.set(`exchange_age_seconds{partition="${partition}"}`, seconds)
}
