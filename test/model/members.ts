/** Nodes as a cluster's page shows them, for tests of the edge. */
/** The only member, but for its name and addresses. */
export const ALONE = {
  zone: '',
  weight: 1,
  status: 'member',
  liveness: 'self',
  incomplete: false,
  replacedBy: undefined,
  speaks: { wire: { min: 1, max: 2 }, storage: { min: 1, max: 1 } },
} as const
/** A node that it does not talk to. */
export const REFUSED = {
  id: 'f'.repeat(32),
  name: 'n9',
  peerAddress: '127.0.0.1:7509',
  build: '9.0.0',
  why: 'no-common-version',
  reason: 'n9 is too new for n1',
} as const
