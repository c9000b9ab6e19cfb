/** A fault planted in the production files: the text to find, exactly once, and what stands there instead. */
export type PlantedFault = {
  readonly name: string
  readonly file: string
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
    file: 'src/mesh/admission.ts',
    find: '  if (!isValid) {',
    replace: '  if (!isValid && state.limits.skewMaxMs < 0) {',
  },
  {
    name: 'roots are not compared',
    file: 'src/mesh/segment.ts',
    find: '    if (!sameHash(root, target.root)) {',
    replace: '    if (!sameHash(root, root)) {',
  },
  {
    name: 'the skew of stamps is not bounded',
    file: 'src/mesh/segment.ts',
    find: '  if (ahead > state.limits.skewMaxMs) {',
    replace: '  if (ahead > 100 * 3_600_000) {',
  },
  {
    name: 'stamps follow the wall clock alone',
    file: 'src/domain/stamp.ts',
    find: 'return Math.max(known.lastOwn + 1, known.newestSeen + 1, stampOfMs(known.wallMs))',
    replace: 'return Math.max(known.lastOwn + 1, stampOfMs(known.wallMs))',
  },
  {
    name: 'equal stamps are not ordered',
    file: 'src/domain/claim.ts',
    find: '  if (a.log !== b.log) return a.log < b.log ? -1 : 1\n',
    replace: '  if (a.log !== b.log) return 0\n',
  },
  {
    name: 'an unbind ends every bind of its address',
    file: 'src/domain/claim.ts',
    find: '        claim.mxid === mxid &&\n        claim.unbound !== null &&',
    replace: '        claim.unbound !== null &&',
  },
  {
    name: 'a start goes on writing the former log',
    file: 'src/mesh/boot.ts',
    find: '  own.former.add(log.log)',
    replace: '  own.current = log.log',
  },
  {
    name: 'operations are acknowledged before they are durable',
    file: 'src/mesh/append.ts',
    find: '  return [...effects, ...wantCommit(state)]\n}',
    replace:
      "  return [...effects, { type: 'appended', request, entries }, ...wantCommit(state)]\n}",
  },
  {
    name: 'an older binding comes back when the newest is withdrawn',
    file: 'src/domain/claim.ts',
    find: '    const winner = newestBind(claims, group)',
    replace:
      '    const winner = newestBind(claims.filter((claim) => (claim.unbound?.stamp ?? 0) < (claim.bound?.stamp ?? 0)), group)',
  },
  {
    name: 'a clock that jumps ends no life',
    file: 'src/mesh/step.ts',
    find: 'Math.abs(offset - before) <= clockDriftMaxMs',
    replace: 'Math.abs(offset - before) <= 1e15',
  },
  {
    name: 'a resumed snapshot keeps the life it had drawn',
    file: 'src/mesh/step.ts',
    find: '  state.nextLife = null\n  const notice',
    replace: '  if (before !== null) return []\n  const notice',
  },
  {
    name: 'a life goes on after its signed head was not stored',
    file: 'src/mesh/step.ts',
    find: 'if (isOwn && lines.length > 0 && state.own',
    replace: 'if (isOwn && lines.length < 0 && state.own',
  },
]
