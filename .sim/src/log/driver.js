import { answerOfPair } from './known-pairs.js';
import { verifyCheckpoint, verifyCosignature, formatCheckpointBody, parseVerifierKey, } from '../domain/checkpoint.js';
import { lifeFromRandom } from '../domain/log-id.js';
import { step } from '../mesh/step.js';
import { leafOf } from './boot.js';
import { commit } from './commit.js';
/**
 * Runs the machine: one event at a time, its effects in order, their results before the next event. Thread-agnostic:
 * production runs it in the writer thread, tests of several nodes in one process run it inline.
 */
export class LogDriver {
    state;
    #ports;
    #inputs = [];
    /** Work that is no event of the machine (a batch of a refold), between events. */
    #tasks = [];
    #isRunning = false;
    #isCommitWanted = false;
    #isBroken = false;
    constructor(state, ports) {
        this.state = state;
        this.#ports = ports;
    }
    handle(input) {
        this.#inputs.push(input);
        void this.#run();
    }
    /** Runs a task between events, after what waits now; bounded tasks only. */
    task(work) {
        this.#tasks.push(work);
        void this.#run();
    }
    get isIdle() {
        return !this.#isRunning;
    }
    async #run() {
        if (this.#isRunning || this.#isBroken)
            return;
        this.#isRunning = true;
        try {
            for (;;) {
                const input = this.#inputs.shift();
                if (input !== undefined) {
                    await this.#process(await this.#eventOf(input));
                    continue;
                }
                if (this.#isCommitWanted) {
                    await this.#ports.pause();
                    if (this.#inputs.length > 0)
                        continue;
                    this.#isCommitWanted = false;
                    await this.#process({ type: 'commit-due', now: this.#ports.now() });
                    continue;
                }
                const task = this.#tasks.shift();
                if (task === undefined)
                    return;
                await task();
            }
        }
        catch (error) {
            this.#isBroken = true;
            this.#ports.fail(error);
        }
        finally {
            this.#isRunning = false;
        }
    }
    async #eventOf(input) {
        if (input.type !== 'append')
            return { ...input, now: this.#ports.now() };
        const operations = await this.#withKnown(input.operations);
        return { type: 'append', request: input.request, operations, now: this.#ports.now() };
    }
    async #withKnown(operations) {
        const threepids = operations.map(({ medium, address }) => ({
            medium: medium,
            address,
        }));
        const found = await this.#ports.storage.entriesByThreepid(threepids);
        return operations.map((operation, i) => ({
            ...operation,
            known: answerOfPair(found[i] ?? [], operation),
        }));
    }
    async #process(event) {
        const effects = step(this.state, event);
        this.#ports.record?.(event, effects);
        for (const effect of effects)
            await this.#perform(effect);
    }
    async #perform(effect) {
        const { emit, now, random, signer, storage } = this.#ports;
        switch (effect.type) {
            case 'draw-life':
                return this.#process({ type: 'life-drawn', life: lifeFromRandom(random(8)), now: now() });
            case 'verify-checkpoint': {
                const isValid = effect.keys.some((key) => isSignedBy(effect.note, key));
                return this.#process({
                    type: 'checkpoint-verified',
                    exchange: effect.exchange,
                    isValid,
                    now: now(),
                });
            }
            case 'load-leaves': {
                const leaves = await loadLeaves(storage, effect);
                return this.#process({
                    type: 'leaves-loaded',
                    exchange: effect.exchange,
                    leaves,
                    now: now(),
                });
            }
            case 'want-commit':
                this.#isCommitWanted = true;
                return;
            case 'commit':
                return this.#commit(effect);
            case 'find-blank': {
                const index = await storage.firstBlank(effect.log, effect.from);
                return this.#process({ type: 'blank-found', log: effect.log, index, now: now() });
            }
            case 'verify-cosignature':
                return this.#verifyCosignature(effect);
            case 'exchange-ended': {
                const timeS = Math.floor(now().wallMs / 1000);
                const cosignature = effect.cosign === null ? null : signer.cosign(effect.cosign, timeS);
                return emit({
                    type: 'exchange-ended',
                    exchange: effect.exchange,
                    have: effect.have,
                    cosignature,
                });
            }
            case 'heads':
                return emit(this.#withCosignatures(effect));
            default:
                return emit(effect);
        }
    }
    async #commit(effect) {
        const result = await commit(this.#ports, effect);
        const now = this.#ports.now();
        if (result.type === 'committed') {
            return this.#process({ type: 'committed', commit: effect.commit, notes: result.notes, now });
        }
        return this.#process({ type: 'commit-failed', commit: effect.commit, code: result.code, now });
    }
    #verifyCosignature({ log, node, keys, head, line, }) {
        const body = formatCheckpointBody(head);
        let timeS = null;
        for (const key of keys) {
            const parsed = parseVerifierKey(key);
            if (parsed === null)
                continue;
            timeS ??=
                verifyCosignature({ body, line, name: node, publicKey: parsed.publicKey })?.timeS ?? null;
        }
        const event = { type: 'cosignature-verified', log, node, size: head.size, timeS, line };
        return this.#process({ ...event, now: this.#ports.now() });
    }
    /** Each head this node holds whole goes out with its own dated cosignature beside those it has heard. */
    #withCosignatures(effect) {
        const timeS = Math.floor(this.#ports.now().wallMs / 1000);
        const logs = effect.logs.map(({ log, have, note, cosigned, cosign }) => {
            const own = cosign === null ? [] : [this.#ports.signer.cosign(cosign, timeS)];
            return {
                log,
                have,
                note: note === '' ? '' : note + [...own, ...cosigned].map((line) => `${line}\n`).join(''),
            };
        });
        const closed = { count: effect.closed.count, logs: effect.closed.logs };
        return { type: 'heads', request: effect.request, logs, closed };
    }
}
function isSignedBy(note, key) {
    const parsed = parseVerifierKey(key);
    return parsed !== null && verifyCheckpoint(note, parsed.publicKey) !== null;
}
async function loadLeaves(storage, { log, from, to }) {
    const leaves = [];
    while (from + leaves.length < to) {
        const lines = await storage.readLines({
            log,
            from: from + leaves.length,
            countMax: to - from - leaves.length,
            bytesMax: Infinity,
        });
        if (lines.length === 0)
            break;
        for (const line of lines)
            leaves.push({ hash: leafOf(line), isBlank: !('bytes' in line) });
    }
    return leaves;
}
//# sourceMappingURL=driver.js.map