/** A fault planted in the production files: the text to find, once in its room, and what stands there instead. */
export type PlantedFault = {
  readonly name: string
  readonly room: 'src/mesh' | 'src/domain'
  readonly find: string
  readonly replace: string
}

/**
 * Each must be caught within the seeds of `npm test`. One that no longer applies, or is caught no more, fails the test:
 * then the checker has lost an eye.
 */
export const plantedFaults: readonly PlantedFault[] = [
  {
    name: 'checkpoint signatures are not checked',
    room: 'src/mesh',
    find: '  if (!isValid) {',
    replace: '  if (!isValid && state.limits.skewMaxMs < 0) {',
  },
  {
    name: 'roots are not compared',
    room: 'src/mesh',
    find: '    if (!sameHash(root, target.root)) {',
    replace: '    if (!sameHash(root, root)) {',
  },
  {
    name: 'the skew of stamps is not bounded',
    room: 'src/mesh',
    find: '  if (ahead > state.limits.skewMaxMs) {',
    replace: '  if (ahead > 100 * 3_600_000) {',
  },
  {
    name: 'stamps follow the wall clock alone',
    room: 'src/domain',
    find: 'return Math.max(known.lastOwn + 1, known.newestSeen + 1, stampOfMs(known.wallMs))',
    replace: 'return Math.max(known.lastOwn + 1, stampOfMs(known.wallMs))',
  },
  {
    name: 'equal stamps are not ordered',
    room: 'src/domain',
    find: '  if (a.log !== b.log) return a.log < b.log ? -1 : 1\n',
    replace: '  if (a.log !== b.log) return 0\n',
  },
  {
    name: 'an unbind ends every bind of its address',
    room: 'src/domain',
    find: '        claim.mxid === mxid &&\n        claim.unbound !== null &&',
    replace: '        claim.unbound !== null &&',
  },
  {
    name: 'a start goes on writing the former log',
    room: 'src/mesh',
    find: '  own.former.add(log.log)',
    replace: '  own.current = log.log',
  },
  {
    name: 'operations are acknowledged before they are durable',
    room: 'src/mesh',
    find: '  return [...effects, ...wantCommit(state)]\n}',
    replace:
      "  return [...effects, { type: 'appended', request, entries }, ...wantCommit(state)]\n}",
  },
  {
    name: 'an older binding comes back when the newest is withdrawn',
    room: 'src/domain',
    find: '    const winner = newestBind(claims, group)',
    replace:
      '    const winner = newestBind(claims.filter((claim) => (claim.unbound?.stamp ?? 0) < (claim.bound?.stamp ?? 0)), group)',
  },
  {
    name: 'a clock that jumps ends no life',
    room: 'src/mesh',
    find: 'Math.abs(offset - before) <= clockDriftMaxMs',
    replace: 'Math.abs(offset - before) <= 1e15',
  },
  {
    name: 'a resumed snapshot keeps the life it had drawn',
    room: 'src/mesh',
    find: '  state.nextLife = null\n  const notice',
    replace: '  if (before !== null) return []\n  const notice',
  },
  {
    name: 'a life goes on after its signed head was not stored',
    room: 'src/mesh',
    find: 'if (isOwn && lines.length > 0 && state.own',
    replace: 'if (isOwn && lines.length < 0 && state.own',
  },
]
