import { answerOf, foldClaims, statementOf, type Statement } from '../../src/domain/claim.ts'
import { toBase64 } from '../../src/domain/base64.ts'
import { parseLogId, type LogId } from '../../src/domain/log-id.ts'
import { treeHash } from './chunk-bytes.ts'
import { textOf, type Disk } from './disk.ts'
import { readFact, rightAnswer, type Fact } from './oracle.ts'
import type { Process } from './process.ts'
import { Violation, type Witness } from './witness.ts'

export type Threepid = { readonly medium: string; readonly address: string }

/** Whom the end is judged by: honest nodes, and those of their logs that somebody can still hand on. */
export type Judged = { isNode(name: string): boolean; isLog(log: LogId): boolean }

/**
 * A log is torn where a node holds lines of a chunk that broke off, and nobody has a signed head that reaches so far
 * any more, its origin having lost its disk: nobody can prove those lines to anybody (docs/protocol.md, open points).
 */
export function judgedOf(processes: readonly Process[], hostile: ReadonlySet<string>): Judged {
  const reachedMost = new Map<LogId, number>()
  for (const { disk } of processes) {
    for (const [log, { reached }] of disk.logs) {
      reachedMost.set(log, Math.max(reached, reachedMost.get(log) ?? 0))
    }
  }
  const torn = new Set<LogId>()
  for (const { disk } of processes) {
    for (const [log, { lines, reached }] of disk.logs) {
      if (lines.length > reached && lines.length > (reachedMost.get(log) ?? 0)) torn.add(log)
    }
  }
  const isNode = (name: string): boolean => !hostile.has(name)
  return { isNode, isLog: (log) => isNode(parseLogId(log)?.node ?? '') && !torn.has(log) }
}

/** Heads a process holds of the logs judged, as one text: equal texts mean the same lines. */
export function headsText(process: Process, judged: Judged): string {
  const heads: string[] = []
  for (const { head, lines, leaves, reached } of process.disk.logs.values()) {
    if (!judged.isLog(head.log) || reached === 0) continue
    const blanks = lines.filter((line) => !(line instanceof Uint8Array)).length
    const root = toBase64(reached === head.size ? head.root : treeHash(leaves.slice(0, reached)))
    heads.push(`${head.log} ${reached} ${root}${blanks === 0 ? '' : ` ${blanks} blank`}`)
  }
  return heads.sort().join('\n')
}

/** What must hold once faults have ended and everything that could follow has happened. */
export function checkEnd(given: {
  readonly processes: readonly Process[]
  readonly witness: Witness
  readonly threepids: readonly Threepid[]
  readonly judged: Judged
  /** Virtual time from which on no chunk between honest nodes may be refused. */
  readonly calmFromMs: number
  /** Exchanges that were under way when the calm began; none of them may be now. */
  readonly exchangesBefore: ReadonlyMap<Process, ReadonlySet<number>>
}): void {
  const { processes, witness, threepids, judged, calmFromMs } = given
  checkNothingLost(processes, witness, judged)
  const facts = factsOn((processes[0] as Process).disk, judged)
  for (const process of processes) {
    checkAnswers(process, threepids, facts, judged)
    checkMemory(process, given.exchangesBefore.get(process) ?? new Set(), judged)
    checkNoRefusals(process, calmFromMs, judged)
  }
}

/** 2: what was acknowledged, and held by some disk ever since, stands on every node. */
function checkNothingLost(processes: readonly Process[], witness: Witness, judged: Judged): void {
  for (const { node, log, index, isExcused } of witness.acknowledged) {
    if (isExcused || !judged.isLog(log)) continue
    for (const process of processes) {
      const line = process.disk.logs.get(log)?.lines[index]
      if (line instanceof Uint8Array) continue
      throw new Violation(
        `line ${index} of ${log}, acknowledged by ${node}, is missing on ${process.name}`,
      )
    }
  }
}

function factsOn(disk: Disk, judged: Judged): Fact[] {
  const facts: Fact[] = []
  for (const [log, { lines, reached }] of disk.logs) {
    if (!judged.isLog(log)) continue
    lines.slice(0, reached).forEach((line, index) => {
      const fact = line instanceof Uint8Array ? readFact(textOf(line), log, index) : null
      if (fact !== null) facts.push(fact)
    })
  }
  return facts
}

/** 3 and 5: every node answers every address alike, and as the plain definition over all lines says. */
function checkAnswers(
  process: Process,
  threepids: readonly Threepid[],
  facts: readonly Fact[],
  judged: Judged,
): void {
  const nowMs = process.wallMs()
  for (const { medium, address } of threepids) {
    const statements: Statement[] = []
    for (const { log, index, entry } of process.disk.about(medium, address)) {
      const isReached = index < (process.disk.logs.get(log)?.reached ?? 0)
      if (!isReached || !judged.isLog(log)) continue
      const statement = statementOf(entry, { log, index, group: 'own' })
      if (statement !== null) statements.push(statement)
    }
    const answer = answerOf(foldClaims(statements), () => 0, nowMs)?.mxid ?? null
    const right = rightAnswer(facts, medium, address)
    if (answer === right) continue
    throw new Violation(
      `${process.name} answers ${answer ?? 'nothing'} for ${address}, right is ${right ?? 'nothing'}`,
    )
  }
}

/** 9: what a machine holds beside the heads of its logs is bounded, and empty when nothing is under way. */
function checkMemory(
  { name, state }: Process,
  oldExchanges: ReadonlySet<number>,
  judged: Judged,
): void {
  const fed = [...state.exchanges.keys()].filter((id) => !oldExchanges.has(id))
  if (state.exchanges.size > fed.length)
    throw new Violation(`${name} holds exchanges that nobody feeds`)
  if (state.group.lineCount > 0 || state.group.pairs.size > 0)
    throw new Violation(`${name} holds lines it never commits`)
  if (state.committing !== null) throw new Violation(`${name} waits for a commit nobody does`)
  const logCount = state.logs.size
  for (const peer of state.peers.values()) {
    const sizes = {
      refusals: peer.refusals.length,
      have: peer.have.size,
      after: peer.logAfterMs.size,
      serving: peer.serving.size,
    }
    if (!judged.isNode(peer.peer.name)) continue
    const isBounded =
      sizes.refusals <= 10 &&
      sizes.serving === 0 &&
      sizes.have <= logCount + 2 &&
      sizes.after <= 2 * logCount + 2
    if (!isBounded)
      throw new Violation(
        `${name} holds too much about ${peer.peer.name}: ${JSON.stringify(sizes)}`,
      )
  }
}

/** 8: honest peers are not refused for ever. A pull under way elsewhere is a reason that passes. */
function checkNoRefusals(process: Process, calmFromMs: number, judged: Judged): void {
  for (const { atMs, peer, log, code } of process.refused) {
    const isHostile = !judged.isNode(peer) || (log !== null && !judged.isLog(log))
    if (atMs < calmFromMs || isHostile || code === 'already-pulling') continue
    throw new Violation(
      `${process.name} still refuses ${log ?? 'a chunk'} from ${peer} when all is calm: ${code}`,
    )
  }
}
