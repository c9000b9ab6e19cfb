import { foldCase } from './case-folding.js';
import { addressBytesMax } from './limits.js';
/**
 * Patterns of what is believed from a partner: `*` is everything, `email:*@partner.org` and `msisdn:44*` name a medium
 * and an address in which `*` stands for any characters. In e-mail patterns `*` never reaches across the @, so that
 * `email:*@partner.org` says what it looks like.
 */
const compiled = new Map();
/** Patterns kept compiled: peers.json holds few, and all of them are asked for each line of a chunk. */
const compiledMax = 1_024;
/** Why a text is no pattern, as a sentence's end ("expected …"); null when it is one. */
export function patternProblem(text) {
    if (text === '*')
        return null;
    const { medium, glob } = split(text);
    if (medium !== 'email' && medium !== 'msisdn') {
        return 'expected "*", "email:…" or "msisdn:…"';
    }
    if (glob === '' || Buffer.byteLength(glob) > addressBytesMax) {
        return `expected 1 to ${addressBytesMax} bytes after "${medium}:"`;
    }
    if (medium === 'msisdn') {
        return /^[0-9*]+$/.test(glob)
            ? null
            : 'expected digits and "*" after "msisdn:", without plus, as in "msisdn:44*"';
    }
    if (glob === '*')
        return null;
    return /^[^@\s]+@[^@\s]+$/.test(glob)
        ? null
        : 'expected one @ between two parts after "email:", as in "email:*@partner.org"';
}
/** Whether any of the patterns takes the 3PID (canonical form). A text that is no pattern takes nothing. */
export function matchesAny(patterns, threepid) {
    return patterns.some((pattern) => matcherOf(pattern)?.(threepid) === true);
}
function matcherOf(pattern) {
    let matcher = compiled.get(pattern);
    if (matcher === undefined) {
        matcher = compile(pattern);
        if (compiled.size >= compiledMax)
            compiled.clear();
        compiled.set(pattern, matcher);
    }
    return matcher;
}
function compile(pattern) {
    if (patternProblem(pattern) !== null)
        return null;
    if (pattern === '*')
        return () => true;
    const { medium, glob } = split(pattern);
    if (glob === '*')
        return (threepid) => threepid.medium === medium;
    if (medium === 'msisdn') {
        const pieces = glob.split('*');
        return (threepid) => threepid.medium === 'msisdn' && fits(pieces, threepid.address);
    }
    const [local = [], domain = []] = foldCase(glob)
        .split('@')
        .map((part) => part.split('*'));
    return ({ medium: other, address }) => {
        const at = address.indexOf('@');
        if (other !== 'email' || at < 0)
            return false;
        return fits(local, address.slice(0, at)) && fits(domain, address.slice(at + 1));
    };
}
function split(pattern) {
    const colon = pattern.indexOf(':');
    if (colon < 0)
        return { medium: '', glob: pattern };
    return { medium: pattern.slice(0, colon), glob: pattern.slice(colon + 1) };
}
/** Whether the text is the pieces in order with anything between them. Never walks back: no pattern is slow. */
function fits(pieces, text) {
    const first = pieces[0] ?? '';
    if (pieces.length === 1)
        return text === first;
    const last = pieces.at(-1) ?? '';
    if (text.length < first.length + last.length)
        return false;
    if (!text.startsWith(first) || !text.endsWith(last))
        return false;
    let position = first.length;
    const end = text.length - last.length;
    for (const piece of pieces.slice(1, -1)) {
        const found = text.indexOf(piece, position);
        if (found < 0 || found + piece.length > end)
            return false;
        position = found + piece.length;
    }
    return true;
}
//# sourceMappingURL=peer-rules.js.map