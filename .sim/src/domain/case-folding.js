import { multipleFoldings, singleFoldings } from './case-folding-table.js';
const foldings = readFoldings();
const plainPattern = /^[\0-\x7f]*$/;
const hasCapital = /[A-Z]/;
/**
 * Full Unicode case folding (toCasefold without normalisation), which JavaScript lacks: `toLowerCase` keeps sharp s,
 * final sigma and others apart. Lone surrogates stay as they are. The Matrix specification asks it of e-mail addresses.
 */
export function foldCase(text) {
    if (plainPattern.test(text))
        return hasCapital.test(text) ? text.toLowerCase() : text;
    let folded = '';
    for (const character of text) {
        folded += foldings.get(character.codePointAt(0) ?? 0) ?? character;
    }
    return folded;
}
function readFoldings() {
    const read = new Map();
    for (let i = 0; i < singleFoldings.length; i += 4) {
        const [first = 0, count = 0, step = 1, distance = 0] = singleFoldings.slice(i, i + 4);
        for (let k = 0; k < count; k++) {
            const from = first + k * step;
            read.set(from, String.fromCodePoint(from + distance));
        }
    }
    for (const row of multipleFoldings) {
        const [from = '', to = ''] = row.split('=');
        const codePoints = to.split(' ').map((hex) => Number.parseInt(hex, 16));
        read.set(Number.parseInt(from, 16), String.fromCodePoint(...codePoints));
    }
    return read;
}
//# sourceMappingURL=case-folding.js.map