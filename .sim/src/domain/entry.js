import { fromBase64 } from './base64.js';
import { addressBytesMax, bindLineBytesMax, clockSkewLimitMs, lineBytesMax, mxidBytesMax, } from './limits.js';
import { isAudienceName, isNodeName, parseLogId } from './log-id.js';
import { RefusalError } from './refusal.js';
import { isStamp, msOfStamp } from './stamp.js';
import { isBoundedText, isFields, isSignatures, isTime } from './entry-shapes.js';
import { isMedium } from './threepid.js';
function malformed(expected) {
    return new RefusalError('entry-malformed', `entry malformed: ${expected}`);
}
/**
 * Reads a line. `text` is the line's UTF-8 decoded, `byteLength` the length of its bytes.
 * Refuses with entry-malformed or line-too-long.
 */
export function parseEntry(text, byteLength) {
    if (byteLength > lineBytesMax) {
        throw new RefusalError('line-too-long', `a line of ${byteLength} bytes, ${lineBytesMax} at most`);
    }
    let value;
    try {
        value = JSON.parse(text);
    }
    catch {
        throw malformed('a line must be one JSON object');
    }
    if (!isFields(value))
        throw malformed('a line must be one JSON object');
    if (!isStamp(value['t']))
        throw malformed('"t" must be a positive integer below 2^53');
    const kind = value['k'];
    if (typeof kind !== 'string' || kind.length === 0 || kind.length > 64) {
        throw malformed('"k" must be a string of 1 to 64 characters');
    }
    if ((kind === 'bind' || kind === 'unbind') && byteLength > bindLineBytesMax) {
        throw new RefusalError('line-too-long', `a ${kind} line of ${byteLength} bytes, ${bindLineBytesMax} at most`);
    }
    return parseKind(kind, value, value['t']);
}
function parseKind(kind, fields, stamp) {
    switch (kind) {
        case 'bind':
            return parseBind(fields, stamp);
        case 'unbind':
            return parseUnbind(fields, stamp);
        case 'begin':
            return parseBegin(fields, stamp);
        case 'close':
            return { kind: 'close', stamp, closed: parseNamedHead(fields, 'close') };
        default:
            return unknownEntry(kind, fields, stamp);
    }
}
function unknownEntry(name, fields, stamp) {
    return { kind: 'unknown', stamp, name, isCritical: fields['crit'] === true };
}
function parseBind(fields, stamp) {
    const a = fields['a'];
    if (!isFields(a))
        throw malformed('"a" of a bind must be a signed association');
    const medium = a['medium'];
    if (!isMedium(medium))
        return unknownMedium('bind', medium, fields, stamp);
    checkPair(a);
    if (!isTime(a['ts']) || !isTime(a['not_before']) || !isTime(a['not_after'])) {
        throw malformed('"ts", "not_before" and "not_after" must be integers of milliseconds');
    }
    if (!isSignatures(a['signatures']))
        throw malformed('"signatures" must name entity, key id, signature');
    checkNonce(fields);
    return {
        kind: 'bind',
        stamp,
        at: parseAt(fields, stamp),
        via: parseVia(fields),
        association: a,
    };
}
function parseUnbind(fields, stamp) {
    const a = fields['a'];
    if (!isFields(a))
        throw malformed('"a" of an unbind must hold address, medium and mxid');
    const medium = a['medium'];
    if (!isMedium(medium))
        return unknownMedium('unbind', medium, fields, stamp);
    checkPair(a);
    checkNonce(fields);
    const covers = fields['covers'];
    if (covers !== undefined &&
        (!isStamp(covers) || msOfStamp(covers) - msOfStamp(stamp) > clockSkewLimitMs)) {
        throw malformed(`"covers" must be a stamp at most ${clockSkewLimitMs} ms above "t"`);
    }
    const forget = fields['forget'];
    if (forget !== undefined && typeof forget !== 'boolean')
        throw malformed('"forget" must be a boolean');
    return {
        kind: 'unbind',
        stamp,
        at: parseAt(fields, stamp),
        via: parseVia(fields),
        covers: covers ?? null,
        forget: forget ?? false,
        threepid: { medium, address: a['address'] },
        mxid: a['mxid'],
    };
}
/** A medium of a later version has no meaning here yet; it must not stop its log. */
function unknownMedium(kind, medium, fields, stamp) {
    if (typeof medium !== 'string')
        throw malformed('"medium" must be a string');
    return unknownEntry(kind, fields, stamp);
}
function parseBegin(fields, stamp) {
    if (fields['v'] !== 1)
        throw malformed('"v" of begin must be 1');
    const { node, server_name: serverName, audience, mesh_key: meshKey } = fields;
    if (typeof node !== 'string' || !isNodeName(node))
        throw malformed('"node" must be a node name');
    if (typeof serverName !== 'string' || serverName.length === 0 || serverName.length > 255) {
        throw malformed('"server_name" must be a Matrix server name');
    }
    if (typeof audience !== 'string' || !isAudienceName(audience)) {
        throw malformed('"audience" must be an audience name');
    }
    if (typeof meshKey !== 'string' || meshKey.length > 400)
        throw malformed('"mesh_key" must be a verifier key');
    const recoveryKey = fields['recovery_key'];
    if (recoveryKey !== null && typeof recoveryKey !== 'string') {
        throw malformed('"recovery_key" must be a verifier key or null');
    }
    const prev = fields['prev'];
    if (prev !== null && !isFields(prev))
        throw malformed('"prev" must be a head or null');
    return {
        kind: 'begin',
        stamp,
        node,
        serverName,
        audience,
        meshKey,
        matrixKeys: parseMatrixKeys(fields['matrix_keys']),
        recoveryKey,
        prev: prev === null ? null : parseNamedHead(prev, '"prev"'),
    };
}
function parseMatrixKeys(value) {
    if (!Array.isArray(value) || value.length > 64)
        throw malformed('"matrix_keys" must be a list of at most 64');
    return value.map((key) => {
        const isKey = isFields(key) &&
            typeof key['key_id'] === 'string' &&
            /^[a-z0-9]{1,32}:[A-Za-z0-9_.-]{1,64}$/.test(key['key_id']) &&
            typeof key['key'] === 'string' &&
            key['key'].length <= 64 &&
            isTime(key['valid_from']) &&
            (key['expired_at'] === null || isTime(key['expired_at']));
        if (!isKey)
            throw malformed('each of "matrix_keys" must hold key_id, key, valid_from and expired_at');
        return key;
    });
}
function parseNamedHead(fields, where) {
    const { log, size, root } = fields;
    if (typeof log !== 'string' || parseLogId(log) === null)
        throw malformed(`"log" of ${where} must be a log id`);
    if (!isTime(size))
        throw malformed(`"size" of ${where} must be a number of lines`);
    if (typeof root !== 'string' || fromBase64(root, 32) === null) {
        throw malformed(`"root" of ${where} must be 32 bytes of base64`);
    }
    return { log, size, root };
}
function checkPair(a) {
    const { address, mxid } = a;
    if (!isBoundedText(address, addressBytesMax)) {
        throw malformed(`"address" must be 1 to ${addressBytesMax} bytes without U+0000`);
    }
    if (!isBoundedText(mxid, mxidBytesMax)) {
        throw malformed(`"mxid" must be 1 to ${mxidBytesMax} bytes without U+0000`);
    }
}
function checkNonce(fields) {
    const z = fields['z'];
    if (typeof z !== 'string' || z.length < 22 || z.length > 64)
        throw malformed('"z" must be 16 random bytes of base64');
}
function parseAt(fields, stamp) {
    const at = fields['at'];
    if (at === undefined)
        return null;
    if (!isStamp(at) || at > stamp)
        throw malformed('"at" must be a stamp not above "t"');
    return at;
}
function parseVia(fields) {
    const via = fields['via'];
    if (via === undefined)
        return null;
    if (typeof via !== 'string' || via.length === 0 || via.length > 255)
        throw malformed('"via" must name where it came from');
    return via;
}
/** The 3PID an entry names, or null. */
export function threepidOf(entry) {
    if (entry.kind === 'bind')
        return entry.association;
    if (entry.kind === 'unbind')
        return entry.threepid;
    return null;
}
//# sourceMappingURL=entry.js.map