import { formatCheckpointBody } from '../../src/domain/checkpoint.js';
import { awayMaxMs } from '../../src/domain/limits.js';
import { lifeFromRandom } from '../../src/domain/log-id.js';
import { answerOfPair } from '../../src/log/known-pairs.js';
import { bootState } from '../../src/mesh/boot.js';
import { aliveMetaName, step } from '../../src/mesh/step.js';
/** The process was killed in the middle of a transaction. */
class Killed extends Error {
}
/** One run of the production machine over a virtual disk and clock; performs effects exactly as log/driver.ts does. */
export class Process {
    machine;
    disk;
    clock;
    state;
    #ports;
    #answers = new Map();
    #outcomes = new Map();
    #appends = new Map();
    #requestNext = 1;
    #exchangeNext = 1;
    #isCommitWanted = false;
    isAlive = true;
    /** The next transaction is interrupted: before it is durable, or after, with nobody told. */
    killAtCommit = null;
    /** Newest refusals this process gave to chunks. */
    refused = [];
    /** Calls under way. */
    calls = new Set();
    constructor(ports, machine, given) {
        this.#ports = ports;
        this.machine = machine;
        this.disk = given.disk;
        this.clock = given.clock;
        const now = this.#now();
        this.state = given.resumed ?? this.#boot(now);
        if (given.resumed !== undefined)
            return;
        const aliveMs = Number(this.disk.meta.get(aliveMetaName) ?? '0');
        this.handle({ type: 'started', isAway: now.wallMs - aliveMs > awayMaxMs });
    }
    #boot(now) {
        const { name, verifierKey: meshKey, peers } = this.machine;
        const key = { key_id: 'ed25519:0', key: 'a'.repeat(43), valid_from: 0, expired_at: null };
        const serverName = 'id.example.org';
        return bootState({
            self: { name, serverName, meshKey, matrixKeys: [key], recoveryKey: null },
            limits: { skewMaxMs: 60_000 },
            peers,
            logs: this.disk.bootLogs(),
            now,
        });
    }
    get name() {
        return this.machine.name;
    }
    get ports() {
        return this.#ports;
    }
    #now() {
        return this.clock.read(this.#ports.agenda.nowMs);
    }
    wallMs() {
        return this.#now().wallMs;
    }
    kill() {
        this.isAlive = false;
    }
    append(operations) {
        const request = this.#requestNext++;
        const known = operations.map((operation) => ({
            ...operation,
            known: this.#knownOf(operation),
        }));
        this.#appends.set(request, known);
        this.handle({ type: 'append', request, operations: known });
    }
    #knownOf(operation) {
        const entries = this.disk.newestAbout(operation).map(({ log, index }) => {
            const bytes = this.disk.logs.get(log)?.lines[index];
            return { log, index, bytes };
        });
        return answerOfPair(entries, operation);
    }
    /** Asks the machine something that it answers at once. */
    ask(make) {
        const request = this.#requestNext++;
        let answer = null;
        this.#answers.set(request, (given) => (answer = given));
        this.handle(make(request));
        this.#answers.delete(request);
        return answer;
    }
    openExchange(hear) {
        const exchange = this.#exchangeNext++;
        this.#outcomes.set(exchange, hear);
        return exchange;
    }
    handle(input) {
        if (!this.isAlive)
            return;
        try {
            this.#process({ ...input, now: this.#now() });
        }
        catch (error) {
            if (!(error instanceof Killed))
                throw error;
        }
    }
    #process(event) {
        const { agenda } = this.#ports;
        const effects = step(this.state, event);
        agenda.noteText(event.type);
        agenda.note(effects.length);
        for (const effect of effects)
            this.#perform(effect);
    }
    #perform(effect) {
        const { agenda, chance, keys, call, commitDelayMs } = this.#ports;
        const now = this.#now();
        switch (effect.type) {
            case 'draw-life':
                return this.#process({ type: 'life-drawn', life: lifeFromRandom(chance.bytes(8)), now });
            case 'verify-checkpoint': {
                const isValid = effect.keys.some((key) => keys.isSigned(effect.note, key));
                return this.#process({
                    type: 'checkpoint-verified',
                    exchange: effect.exchange,
                    isValid,
                    now,
                });
            }
            case 'load-leaves': {
                const leaves = this.disk.knownLeaves(effect.log, effect.from, effect.to);
                return this.#process({ type: 'leaves-loaded', exchange: effect.exchange, leaves, now });
            }
            case 'want-commit':
                if (this.#isCommitWanted)
                    return;
                this.#isCommitWanted = true;
                return agenda.after(commitDelayMs(), () => this.#commitDue());
            case 'commit':
                return this.#commit(effect);
            case 'find-blank': {
                const index = this.disk.firstBlank(effect.log, effect.from);
                return this.#process({ type: 'blank-found', log: effect.log, index, now });
            }
            case 'verify-cosignature': {
                const { log, node, head, line } = effect;
                const body = formatCheckpointBody(head);
                let timeS = null;
                for (const key of effect.keys)
                    timeS ??= keys.cosignedAt(body, line, node, key);
                return this.#process({
                    type: 'cosignature-verified',
                    log,
                    node,
                    size: head.size,
                    timeS,
                    line,
                    now,
                });
            }
            case 'ask-heads':
            case 'push':
            case 'pull':
                return call(this, effect);
            default:
                return this.#emit(effect);
        }
    }
    #commitDue() {
        this.#isCommitWanted = false;
        this.handle({ type: 'commit-due' });
    }
    #emit(effect) {
        const { signer } = this.machine;
        const timeS = Math.floor(this.wallMs() / 1000);
        switch (effect.type) {
            case 'appended': {
                const operations = this.#appends.get(effect.request) ?? [];
                this.#appends.delete(effect.request);
                return this.#ports.witness.appended(this.name, this.disk, {
                    operations,
                    entries: effect.entries,
                });
            }
            case 'heads': {
                const logs = effect.logs.map(({ log, have, note, cosigned, cosign }) => {
                    const own = cosign === null ? [] : [signer.cosign(cosign, timeS)];
                    return {
                        log,
                        have,
                        note: note === '' ? '' : note + [...own, ...cosigned].map((line) => `${line}\n`).join(''),
                    };
                });
                const closed = { count: effect.closed.count, logs: effect.closed.logs };
                this.#answers.get(effect.request)?.({
                    type: 'heads',
                    request: effect.request,
                    logs,
                    closed,
                });
                return;
            }
            case 'served':
                this.#answers.get(effect.request)?.(effect);
                return;
            case 'refused':
                this.#appends.delete(effect.request);
                this.#answers.get(effect.request)?.(effect);
                return;
            case 'exchange-ended': {
                const cosignature = effect.cosign === null ? null : signer.cosign(effect.cosign, timeS);
                return this.#endExchange({
                    type: 'exchange-ended',
                    exchange: effect.exchange,
                    have: effect.have,
                    cosignature,
                });
            }
            case 'exchange-refused':
                return this.#endExchange(effect);
            case 'notice':
                this.#hearNotice(effect.notice);
                return;
        }
    }
    #endExchange(outcome) {
        const hear = this.#outcomes.get(outcome.exchange);
        this.#outcomes.delete(outcome.exchange);
        hear?.(outcome);
    }
    #hearNotice(notice) {
        if (notice.type !== 'chunk-refused')
            return;
        const { peer, log, code } = notice;
        this.refused.push({ atMs: this.#ports.agenda.nowMs, peer, log, code });
        const { refusals } = this.#ports.witness;
        refusals.set(code, (refusals.get(code) ?? 0) + 1);
    }
    #commit(effect) {
        const { witness } = this.#ports;
        const notes = {};
        const logs = [];
        const ownLogs = new Set();
        for (const write of effect.logs) {
            if (write.note !== null) {
                logs.push({ ...write, note: write.note });
                continue;
            }
            const head = { log: write.log, size: write.size, root: write.root };
            witness.signed(head);
            const note = this.machine.signer.signCheckpoint(head);
            notes[write.log] = note;
            ownLogs.add(write.log);
            logs.push({ ...write, note });
        }
        const { problem } = this.disk;
        if (problem !== null) {
            return this.#process({
                type: 'commit-failed',
                commit: effect.commit,
                code: problem,
                now: this.#now(),
            });
        }
        if (this.killAtCommit === 'before')
            this.#die();
        this.disk.commit({ logs, lookups: effect.lookups, side: effect.side });
        for (const write of effect.logs) {
            witness.committed(this.name, write, ownLogs.has(write.log) ? this : null, this.wallMs());
        }
        if (this.killAtCommit === 'after')
            this.#die();
        this.#process({ type: 'committed', commit: effect.commit, notes, now: this.#now() });
    }
    #die() {
        this.isAlive = false;
        throw new Killed();
    }
}
//# sourceMappingURL=process.js.map