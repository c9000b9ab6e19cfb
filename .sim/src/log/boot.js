import { parseEntry } from '../domain/entry.js';
import { parseLogId } from '../domain/log-id.js';
import { emptyFrontier, frontierSubtrees, hashLeaf, rootOf, TreeBuilder, } from '../domain/merkle-tree.js';
import { parseNote } from '../domain/checkpoint.js';
import { StorageFault } from '../storage/storage.js';
/** Subtrees of this level and above are stored; smaller ones are recomputed from at most 255 lines. */
const storedLevel = 8;
/** Reads what stands of every log. A stored head that does not recompute is a broken invariant and is thrown. */
export async function loadLogs(storage) {
    const logs = [];
    for (const stored of await storage.readLogs())
        logs.push(await loadLog(storage, stored));
    return logs;
}
async function loadLog(storage, stored) {
    const frontier = await loadFrontier(storage, stored);
    if (!Buffer.from(rootOf(frontier)).equals(stored.root)) {
        throw new StorageFault('corrupt', `${stored.log}: the stored lines do not make the stored root`);
    }
    const name = parseLogId(stored.log);
    if (name === null)
        throw new StorageFault('corrupt', `not a log id: ${stored.log}`);
    return {
        log: stored.log,
        origin: stored.origin,
        audience: name.audience,
        size: stored.size,
        root: stored.root,
        frontier,
        note: stored.note,
        noteSize: parseNote(stored.note)?.checkpoint.size ?? 0,
        lastStamp: stored.lastStamp,
        haltedAt: stored.haltedAt,
        blankAt: stored.blankAt,
        closedAt: stored.closedAt,
        begin: await loadBegin(storage, stored),
        pushedAtMs: -Infinity,
        cosigned: new Map(),
    };
}
async function loadBegin(storage, { log, size }) {
    if (size === 0)
        return null;
    const [first] = await storage.readLines({ log, from: 0, countMax: 1, bytesMax: 1 });
    if (first === undefined || !('bytes' in first))
        return null;
    const entry = parseEntry(Buffer.from(first.bytes).toString('utf8'), first.bytes.length);
    return entry.kind === 'begin'
        ? { serverName: entry.serverName, matrixKeys: entry.matrixKeys }
        : null;
}
async function loadFrontier(storage, { log, size }) {
    if (size === 0)
        return emptyFrontier;
    const stored = frontierSubtrees(size).filter(({ level }) => level >= storedLevel);
    const hashes = [...(await storage.readSubtrees(log, stored))];
    const wholeSize = size - (size % 2 ** storedLevel);
    const builder = new TreeBuilder({ size: wholeSize, hashes });
    const lines = await storage.readLines({ log, from: wholeSize, countMax: 256, bytesMax: Infinity });
    for (const line of lines.slice(0, size - wholeSize))
        builder.add(leafOf(line));
    return builder.frontier();
}
export function leafOf(line) {
    return 'bytes' in line ? hashLeaf(line.bytes) : line.blankHash;
}
//# sourceMappingURL=boot.js.map