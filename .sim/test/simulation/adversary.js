import { toBase64 } from '../../src/domain/base64.js';
import { formatBlank, formatHeader, formatSegmentEnd } from '../../src/domain/chunk.js';
import { beginLine } from '../../src/domain/entry-line.js';
import { formatLogId, lifeFromRandom, parseLogId } from '../../src/domain/log-id.js';
import { hashLeaf } from '../../src/domain/merkle-tree.js';
import { stampOfMs } from '../../src/domain/stamp.js';
import { treeHash } from './chunk-bytes.js';
import { epochMs } from './clock.js';
/** Makes the last node hostile where the plan says so: it runs the product, but what leaves it is altered. */
export function befriendHostile(world) {
    const { plan, sites, network, witness, chance } = world;
    const last = sites[sites.length - 1];
    if (plan.hostility === 'none' || last === undefined)
        return;
    const { name, signer } = last.machine;
    const victims = sites.slice(0, -1).map(({ machine }) => machine);
    witness.hostile.add(name);
    const forge = forger(chance, signer, victims);
    const alterations = {
        'relay alters': relayThatAlters(chance),
        forger: (pieces) => (chance.isHit(0.5) ? forge.chunk() : pieces),
        'replays and garbage': replayer(chance),
    };
    network.alterations.set(name, alterations[plan.hostility]);
    if (plan.hostility !== 'forger')
        return;
    network.headsAlterations.set(name, (body) => ({
        ...body,
        logs: [...body['logs'], ...Array.from({ length: 2 }, () => forge.offer())],
    }));
}
/** A relay that changes what it hands on: bytes, lines, their order, the seams. */
function relayThatAlters(chance) {
    const changes = [
        (lines) => replaceAt(lines, chance, (line) => line.replace('@m', '@x')),
        (lines) => replaceAt(lines, chance, (line) => line.replace(/"t":\d/, '"t":2')),
        (lines) => withoutOne(lines, chance),
        (lines) => [...lines.slice(0, 2), ...lines.slice(1)],
        (lines) => replaceAt(lines, chance, (line) => isEntry(line) ? formatBlank(hashLeaf(Buffer.from(line))).trimEnd() : line),
        (lines) => replaceAt(lines, chance, (line) => line.replace(/"to":\d+/, `"to":${chance.between(0, 40)}`)),
        (lines) => replaceAt(lines, chance, (line) => line.replace(/"proof":\[/, `"proof":["${toBase64(chance.bytes(32))}",`)),
        (lines) => replaceAt(lines, chance, () => `{"blank":4,"hash":"${toBase64(chance.bytes(32))}"}`),
        (lines) => [
            (lines[0] ?? '').replace(/"from":\d+/, `"from":${chance.between(0, 20)}`),
            ...lines.slice(1),
        ],
        (lines) => [(lines[0] ?? '').replace(/\\n(\d+)\\n/, '\\n9$1\\n'), ...lines.slice(1)],
        (lines) => lines.slice(0, chance.between(1, lines.length)),
    ];
    return (pieces) => {
        if (chance.isHit(0.2))
            return pieces;
        const lines = Buffer.concat(pieces).toString('utf8').split('\n').slice(0, -1);
        return [
            Buffer.from(chance
                .pick(changes)(lines)
                .map((line) => `${line}\n`)
                .join('')),
        ];
    };
}
function isEntry(line) {
    return line.startsWith('{"a"') || line.startsWith('{"k"') || line.startsWith('{"audience"');
}
function replaceAt(lines, chance, change) {
    const at = chance.between(Math.min(1, lines.length - 1), lines.length - 1);
    return lines.map((line, i) => (i === at ? change(line) : line));
}
function withoutOne(lines, chance) {
    const at = chance.between(0, lines.length - 1);
    return lines.filter((_, i) => i !== at);
}
/** Hands over what it handed over before, or noise. */
function replayer(chance) {
    const kept = [];
    const garbage = [
        '{"log":"n0.example/site~aaaaaaaa","from":-1,"checkpoint":""}\n',
        '{"log":"../../etc","from":0,"checkpoint":"x"}\n',
        '[]\n',
        'null\n',
        `${'x'.repeat(70_000)}\n`,
    ];
    return (pieces) => {
        if (kept.length < 40)
            kept.push(pieces);
        const choice = chance.between(0, 9);
        if (choice < 4)
            return chance.pick(kept);
        if (choice < 6)
            return [Buffer.from(chance.pick(garbage))];
        if (choice === 6)
            return [
                pieces[0],
                chance.bytes(chance.between(1, 300)),
                Buffer.from('\n{"to":1,"proof":[]}\n'),
            ];
        return pieces;
    };
}
/** Writes logs in other nodes' names, signed with its own key. */
function forger(chance, signer, victims) {
    const lives = victims.map(({ name }) => formatLogId({ node: name, audience: 'site', life: lifeFromRandom(chance.bytes(8)) }));
    const note = (log, lines) => signer.signCheckpoint({
        log,
        size: lines.length,
        root: treeHash(lines.map((line) => hashLeaf(Buffer.from(line)))),
    });
    const linesOf = (log) => {
        const node = parseLogId(log)?.node ?? '';
        const meshKey = victims.find(({ name }) => name === node)?.verifierKey ?? '';
        const stamp = stampOfMs(epochMs);
        const begin = {
            node,
            serverName: 'id.example.org',
            audience: 'site',
            meshKey,
            matrixKeys: [],
            recoveryKey: null,
            prev: null,
        };
        const a = '{"address":"user0@example.org","medium":"email","mxid":"@m1:example.org"}';
        return [
            beginLine(begin, stamp),
            `{"a":${a},"k":"unbind","t":${stamp + 1},"z":"${'0'.repeat(22)}=="}`,
        ];
    };
    return {
        chunk: () => {
            const log = chance.pick(lives);
            const lines = linesOf(log);
            const body = lines.map((line) => `${line}\n`).join('') + formatSegmentEnd(lines.length, []);
            return [
                Buffer.from(formatHeader({ log, from: 0, checkpoint: note(log, lines) })),
                Buffer.from(body),
            ];
        },
        offer: () => {
            const log = chance.pick(lives);
            return { log, have: chance.pick([2, 1_000_000]), checkpoint: note(log, linesOf(log)) };
        },
    };
}
//# sourceMappingURL=adversary.js.map