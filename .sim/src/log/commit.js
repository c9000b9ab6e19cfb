import { StorageFault, } from '../storage/storage.js';
/**
 * The only way in. Local, replicated, imported and recovered entries all pass here: heads of ours are signed, then
 * everything becomes one durable transaction. If we crash before it, the signed head was seen by nobody.
 * A conflict is a broken invariant (two writers on one log) and is thrown.
 */
export async function commit({ storage, signer }, effect) {
    const notes = {};
    const logs = effect.logs.map(({ lines, fills, subtrees, expectedSize, note, ...write }) => {
        const signed = note ?? signer.signCheckpoint({ log: write.log, size: write.size, root: write.root });
        if (note === null)
            notes[write.log] = signed;
        const head = { ...write, note: signed };
        return { head, expectedSize, lines, fills, subtrees };
    });
    const group = {
        logs,
        lookups: effect.lookups,
        accounts: effect.side.flatMap((change) => change.accounts),
        meta: Object.assign({}, ...effect.side.map((change) => change.meta)),
    };
    try {
        await storage.commit(group);
        return { type: 'committed', notes };
    }
    catch (error) {
        if (!(error instanceof StorageFault))
            throw error;
        const code = refusalOf(error);
        if (code === null)
            throw error;
        return { type: 'commit-failed', code, cause: error };
    }
}
/** What a caller hears of a store that cannot write now; null for a broken invariant. */
function refusalOf(fault) {
    switch (fault.code) {
        case 'full':
            return 'storage-full';
        case 'read-only':
        case 'busy':
        case 'other':
            return 'storage-read-only';
        case 'conflict':
        case 'corrupt':
        case 'schema-newer':
            return null;
    }
}
//# sourceMappingURL=commit.js.map