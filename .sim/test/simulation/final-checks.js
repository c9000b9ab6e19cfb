import { answerOf, foldClaims, statementOf } from '../../src/domain/claim.js';
import { toBase64 } from '../../src/domain/base64.js';
import { parseLogId } from '../../src/domain/log-id.js';
import { treeHash } from './chunk-bytes.js';
import { textOf } from './disk.js';
import { readFact, rightAnswer } from './oracle.js';
import { Violation } from './witness.js';
/** Heads a process holds of the logs judged, as one text: equal texts mean the same lines. */
export function headsText(process, isJudged) {
    const heads = [];
    for (const { head, lines, leaves, reached } of process.disk.logs.values()) {
        if (!isJudged(head.origin) || reached === 0)
            continue;
        const blanks = lines.filter((line) => !(line instanceof Uint8Array)).length;
        const root = toBase64(reached === head.size ? head.root : treeHash(leaves.slice(0, reached)));
        heads.push(`${head.log} ${reached} ${root}${blanks === 0 ? '' : ` ${blanks} blank`}`);
    }
    return heads.sort().join('\n');
}
/** What must hold once faults have ended and everything that could follow has happened. */
export function checkEnd(given) {
    const { processes, witness, threepids, isJudged, calmFromMs } = given;
    checkNothingLost(processes, witness, isJudged);
    const facts = factsOn(processes[0].disk, isJudged);
    for (const process of processes) {
        checkAnswers(process, threepids, facts, isJudged);
        checkMemory(process, given.exchangesBefore.get(process) ?? new Set(), isJudged);
        checkNoRefusals(process, calmFromMs, isJudged);
    }
}
/** 2: what was acknowledged, and held by some disk ever since, stands on every node. */
function checkNothingLost(processes, witness, isJudged) {
    for (const { node, log, index, isExcused } of witness.acknowledged) {
        if (isExcused || !isJudged(parseLogId(log)?.node ?? ''))
            continue;
        for (const process of processes) {
            const line = process.disk.logs.get(log)?.lines[index];
            if (line instanceof Uint8Array)
                continue;
            throw new Violation(`line ${index} of ${log}, acknowledged by ${node}, is missing on ${process.name}`);
        }
    }
}
function factsOn(disk, isJudged) {
    const facts = [];
    for (const [log, { head, lines, reached }] of disk.logs) {
        if (!isJudged(head.origin))
            continue;
        lines.slice(0, reached).forEach((line, index) => {
            const fact = line instanceof Uint8Array ? readFact(textOf(line), log, index) : null;
            if (fact !== null)
                facts.push(fact);
        });
    }
    return facts;
}
/** 3 and 5: every node answers every address alike, and as the plain definition over all lines says. */
function checkAnswers(process, threepids, facts, isJudged) {
    const nowMs = process.wallMs();
    for (const { medium, address } of threepids) {
        const statements = [];
        for (const { log, index, entry } of process.disk.about(medium, address)) {
            const isReached = index < (process.disk.logs.get(log)?.reached ?? 0);
            if (!isReached || !isJudged(parseLogId(log)?.node ?? ''))
                continue;
            const statement = statementOf(entry, { log, index, group: 'own' });
            if (statement !== null)
                statements.push(statement);
        }
        const answer = answerOf(foldClaims(statements), () => 0, nowMs)?.mxid ?? null;
        const right = rightAnswer(facts, medium, address);
        if (answer === right)
            continue;
        throw new Violation(`${process.name} answers ${answer ?? 'nothing'} for ${address}, right is ${right ?? 'nothing'}`);
    }
}
/** 9: what a machine holds beside the heads of its logs is bounded, and empty when nothing is under way. */
function checkMemory({ name, state }, oldExchanges, isJudged) {
    const fed = [...state.exchanges.keys()].filter((id) => !oldExchanges.has(id));
    if (state.exchanges.size > fed.length)
        throw new Violation(`${name} holds exchanges that nobody feeds`);
    if (state.group.lineCount > 0 || state.group.pairs.size > 0)
        throw new Violation(`${name} holds lines it never commits`);
    if (state.committing !== null)
        throw new Violation(`${name} waits for a commit nobody does`);
    const logCount = state.logs.size;
    for (const peer of state.peers.values()) {
        const sizes = {
            refusals: peer.refusals.length,
            have: peer.have.size,
            after: peer.logAfterMs.size,
            serving: peer.serving.size,
        };
        if (!isJudged(peer.peer.name))
            continue;
        const isBounded = sizes.refusals <= 10 &&
            sizes.serving === 0 &&
            sizes.have <= logCount + 2 &&
            sizes.after <= 2 * logCount + 2;
        if (!isBounded)
            throw new Violation(`${name} holds too much about ${peer.peer.name}: ${JSON.stringify(sizes)}`);
    }
}
/** 8: honest peers are not refused for ever. A pull under way elsewhere is a reason that passes. */
function checkNoRefusals(process, calmFromMs, isJudged) {
    for (const { atMs, peer, log, code } of process.refused) {
        const isHostile = !isJudged(peer) || !isJudged(parseLogId(log ?? '')?.node ?? '');
        if (atMs < calmFromMs || isHostile || code === 'already-pulling')
            continue;
        throw new Violation(`${process.name} still refuses ${log ?? 'a chunk'} from ${peer} when all is calm: ${code}`);
    }
}
//# sourceMappingURL=final-checks.js.map