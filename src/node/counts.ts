/** What a running node counts of itself. */
export function newCounts() {
  return {
    framesIn: 0,
    badFrames: 0,
    bugs: 0,
    pauses: 0,
    learned: 0,
    repairsSent: 0,
    forwarded: 0,
    suspicions: 0,
    probes: 0,
    stoodIn: 0,
  }
}
