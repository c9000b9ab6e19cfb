import { toBase64 } from '../../src/domain/base64.js';
import { parseLogId } from '../../src/domain/log-id.js';
import { clockSkewMaxMs } from '../../src/domain/limits.js';
import { aheadMs } from '../../src/domain/stamp.js';
import { textOf } from './disk.js';
import { claimStampOf, readFact } from './oracle.js';
/** A broken invariant, in words. */
export class Violation extends Error {
    constructor(message) {
        super(message);
        this.name = 'Violation';
    }
}
/** Sees everything that happens, holds it against the invariants as it happens, and remembers it for the end. */
export class Witness {
    /** Lines of each log as its writer's durable transactions made them: the one history of that log. */
    made = new Map();
    acknowledged = [];
    #writers = new Map();
    #signed = new Map();
    #acknowledgedAt = new Map();
    /** Nodes that may write anything: what they make is not judged, only what others hold of honest nodes. */
    hostile = new Set();
    acknowledgedCount = 0;
    refusals = new Map();
    /** A head was signed with a node's key. One size of a log has one head, for ever, clones and restarts included. */
    signed({ log, size, root }) {
        const key = `${log} ${size}`;
        const known = this.#signed.get(key);
        const text = toBase64(root);
        if (known !== undefined && known !== text) {
            throw new Violation(`two different heads of ${log} at size ${size} were signed`);
        }
        this.#signed.set(key, text);
    }
    /** Lines became durable on a disk. `writer` is the process, when they are its own. */
    committed(node, write, writer, wallMs) {
        if (writer !== null)
            return this.#madeLines(write, writer, wallMs);
        const made = this.made.get(write.log) ?? [];
        if (!this.strayed.has(node))
            this.#checkHeld(node, write, wallMs);
        if (this.hostile.has(write.origin))
            return;
        write.lines.forEach((line, i) => {
            if (!(line instanceof Uint8Array))
                return;
            this.#compare(node, write.log, write.expectedSize + i, made, line);
        });
        for (const { index, bytes } of write.fills)
            this.#compare(node, write.log, index, made, bytes);
        const end = write.size;
        if (end > made.length)
            throw new Violation(`${node} holds ${end} lines of ${write.log}, its origin made ${made.length}`);
    }
    /** Nobody takes a line stamped further ahead of its own clock than the skew bound, whoever hands it over. */
    #checkHeld(node, { log, lines }, wallMs) {
        const last = lines[lines.length - 1];
        if (!(last instanceof Uint8Array))
            return;
        const ahead = aheadMs(stampIn(textOf(last)), wallMs);
        if (ahead <= clockSkewMaxMs)
            return;
        throw new Violation(`${node} took a line of ${log} stamped ${Math.round(ahead)} ms ahead of its clock`);
    }
    #compare(node, log, index, made, line) {
        if (made[index] === textOf(line))
            return;
        throw new Violation(`${node} stored a line ${index} of ${log} that its origin did not make`);
    }
    #madeLines(write, writer, wallMs) {
        const { log } = write;
        const known = this.#writers.get(log);
        if (known !== undefined && known !== writer && write.lines.length > 0) {
            throw new Violation(`two processes wrote ${log}`);
        }
        if (write.lines.length > 0)
            this.#writers.set(log, writer);
        const made = this.made.get(log) ?? [];
        this.made.set(log, made);
        let before = made.length === 0 ? 0 : stampIn(made[made.length - 1]);
        for (const line of write.lines) {
            const text = textOf(line);
            const stamp = stampIn(text);
            if (stamp <= before)
                throw new Violation(`the stamps of ${log} do not rise at ${made.length}`);
            before = stamp;
            made.push(text);
            this.#checkAhead(log, stamp, wallMs);
        }
    }
    /**
     * A writer follows its own clock, or the median of those it hears, by the skew bound at most. One clock that strays
     * is followed by nobody else, however far it strays.
     */
    #checkAhead(log, stamp, wallMs) {
        const origin = parseLogId(log)?.node ?? '';
        if (this.hostile.has(origin))
            return;
        const isSound = this.strayed.size <= 1 && !this.strayed.has(origin);
        const allowed = clockSkewMaxMs + 1 + (isSound ? this.clockSpreadMs : this.strayMaxMs);
        const ahead = aheadMs(stamp, wallMs);
        if (ahead <= allowed)
            return;
        throw new Violation(`${log} has a line stamped ${Math.round(ahead)} ms ahead of its writer's wall clock`);
    }
    /** Nodes whose wall clock was set wrong at some time. */
    strayed = new Set();
    /** How far apart clocks may be that were never set wrong, and all of them. */
    clockSpreadMs = 0;
    strayMaxMs = 0;
    /** A client was told that its operations stand. They are durable, and overrule what the node knew before them. */
    appended(node, disk, { operations, entries, }) {
        entries.forEach(({ log, index }, i) => {
            const operation = operations[i];
            const line = disk.logs.get(log)?.lines[index];
            if (!(line instanceof Uint8Array)) {
                throw new Violation(`${node} acknowledged line ${index} of ${log} before it was durable`);
            }
            this.#checkOverrules(node, disk, operation, { log, index, line });
            const acknowledged = { node, log, index, isExcused: false };
            this.acknowledged.push(acknowledged);
            this.#acknowledgedAt.set(`${log} ${index}`, acknowledged);
            this.acknowledgedCount++;
        });
    }
    #checkOverrules(node, disk, { medium, address, mxid, kind }, place) {
        const ours = readFact(textOf(place.line), place.log, place.index);
        if (ours === null || ours.kind !== kind || ours.mxid !== mxid || ours.address !== address) {
            throw new Violation(`${node} acknowledged line ${place.index} of ${place.log}, which says something else`);
        }
        const entries = disk.about(medium, address);
        const own = entries.find(({ log, index }) => log === place.log && index === place.index);
        if (own === undefined)
            throw new Violation(`${node} acknowledged a line that its lookup index lacks`);
        for (const other of entries) {
            if (other.transaction >= own.transaction)
                continue;
            if (!isOverruled(ours, other.fact)) {
                throw new Violation(`${node} acknowledged ${place.log} ${place.index}, which ${other.log} ${other.index}, held before it, overrules`);
            }
        }
    }
    /** A disk lost what it held beyond `kept`; lines that no disk of `others` holds are gone, and nobody is to blame. */
    lost(before, kept, others) {
        for (const [log, { lines }] of before.logs) {
            const from = kept?.logs.get(log)?.lines.length ?? 0;
            for (let index = from; index < lines.length; index++) {
                const acknowledged = this.#acknowledgedAt.get(`${log} ${index}`);
                if (acknowledged === undefined || acknowledged.isExcused)
                    continue;
                const isKept = others.some((disk) => isHeld(disk, log, index));
                if (!isKept)
                    acknowledged.isExcused = true;
            }
        }
    }
}
/** Whether a disk holds a line so that it can hand it on. */
function isHeld(disk, log, index) {
    const stored = disk.logs.get(log);
    return stored !== undefined && index < stored.reached && stored.lines[index] instanceof Uint8Array;
}
/** Whether what was just said wins over what was known: it is the later of two of a kind, or ends the other. */
function isOverruled(ours, before) {
    if (ours.kind === 'bind') {
        if (before.kind === 'bind')
            return ours.mark > before.mark;
        return before.mxid !== ours.mxid || claimStampOf(ours) > claimStampOf(before);
    }
    return (before.kind === 'unbind' ||
        before.mxid !== ours.mxid ||
        claimStampOf(ours) >= claimStampOf(before));
}
function stampIn(text) {
    return JSON.parse(text).t;
}
//# sourceMappingURL=witness.js.map