import { isUtf8 } from 'node:buffer';
import { fromBase64, toBase64 } from './base64.js';
import { headerBytesMax, lineBytesMax, proofHashesMax, segmentBytesMax, segmentLinesMax, } from './limits.js';
import { parseLogId } from './log-id.js';
import { hashLeafPrefixed } from './merkle-tree.js';
import { RefusalError } from './refusal.js';
export function formatHeader({ log, from, checkpoint }) {
    return JSON.stringify({ log, from, checkpoint }) + '\n';
}
export function formatSegmentEnd(to, proof) {
    return JSON.stringify({ to, proof: proof.map(toBase64) }) + '\n';
}
export function formatBlank(leaf) {
    return `"${toBase64(leaf)}"\n`;
}
const newline = 0x0a;
const segmentEnd = Buffer.from('{"to":');
/** Splits a stream of bytes into header and segments; bounds every line and segment; holds one segment at most. */
export class ChunkReader {
    #held = Buffer.allocUnsafe(64 * 1024);
    /** Bytes of #held in use; byte 0 is the newline a segment's body begins with. */
    #length = 1;
    #lineStart = 1;
    #scanned = 1;
    #lines = 0;
    #hasHeader = false;
    constructor() {
        this.#held[0] = newline;
    }
    /** Takes the next bytes; yields the parts they complete, then throws RefusalError if what follows is refused. */
    *push(piece) {
        this.#append(piece);
        for (;;) {
            const end = this.#held.subarray(0, this.#length).indexOf(newline, this.#scanned);
            if (end < 0) {
                this.#scanned = this.#length;
                this.#boundLine(this.#length - this.#lineStart);
                return;
            }
            this.#boundLine(end - this.#lineStart);
            const part = this.#endLine(end);
            if (part !== null)
                yield part;
        }
    }
    /** The stream has ended: refuses with chunk-truncated unless it ended with a whole segment. */
    end() {
        if (!this.#hasHeader)
            throw new RefusalError('chunk-truncated', 'the chunk ended before its header');
        if (this.#length > 1) {
            throw new RefusalError('chunk-truncated', 'the chunk ended within a segment');
        }
    }
    #append(piece) {
        const needed = this.#length + piece.length;
        if (needed > this.#held.length) {
            const grown = Buffer.allocUnsafe(Math.max(needed, this.#held.length * 2));
            this.#held.copy(grown, 0, 0, this.#length);
            this.#held = grown;
        }
        this.#held.set(piece, this.#length);
        this.#length = needed;
    }
    #boundLine(length) {
        const max = this.#hasHeader ? lineBytesMax : headerBytesMax;
        if (length <= max)
            return;
        const code = this.#hasHeader ? 'line-too-long' : 'header-malformed';
        throw new RefusalError(code, `a line of more than ${max} bytes`);
    }
    #endLine(end) {
        const start = this.#lineStart;
        this.#scanned = end + 1;
        this.#lineStart = end + 1;
        if (!this.#hasHeader) {
            const header = parseHeader(this.#held.subarray(start, end));
            this.#hasHeader = true;
            this.#drop(end + 1);
            return { type: 'header', header };
        }
        if (this.#isSegmentEnd(start, end))
            return this.#endSegment(start, end);
        this.#lines++;
        if (this.#lines > segmentLinesMax || end > segmentBytesMax) {
            throw new RefusalError('segment-too-long', `a segment of more than ${segmentLinesMax} lines or ${segmentBytesMax} bytes`);
        }
        return null;
    }
    #isSegmentEnd(start, end) {
        const length = segmentEnd.length;
        return (end - start > length && this.#held.compare(segmentEnd, 0, length, start, start + length) === 0);
    }
    #endSegment(start, end) {
        const { to, proof } = parseSegmentEnd(this.#held.subarray(start, end));
        const body = new Uint8Array(start);
        body.set(this.#held.subarray(0, start));
        this.#drop(end + 1);
        this.#lines = 0;
        return { type: 'segment', segment: { body, to, proof } };
    }
    /** Forgets everything before `position`, keeping the leading newline. */
    #drop(position) {
        this.#held.copyWithin(1, position, this.#length);
        this.#length -= position - 1;
        this.#lineStart = 1;
        this.#scanned = 1;
    }
}
function parseJson(line) {
    try {
        return JSON.parse(Buffer.from(line.buffer, line.byteOffset, line.byteLength).toString('utf8'));
    }
    catch {
        return undefined;
    }
}
function parseHeader(line) {
    const value = parseJson(line);
    const { log, from, checkpoint } = value ?? {};
    const isHeader = typeof log === 'string' &&
        parseLogId(log) !== null &&
        typeof from === 'number' &&
        Number.isSafeInteger(from) &&
        from >= 0 &&
        typeof checkpoint === 'string';
    if (!isHeader) {
        throw new RefusalError('header-malformed', 'the first line must hold log, from and checkpoint');
    }
    return { log, from, checkpoint };
}
function parseSegmentEnd(line) {
    const value = parseJson(line);
    const { to, proof } = value ?? {};
    if (typeof to !== 'number' || !Number.isSafeInteger(to) || to < 0 || !Array.isArray(proof)) {
        throw new RefusalError('proof-malformed', 'a segment must end with {"to": index, "proof": [hashes]}');
    }
    if (proof.length > proofHashesMax) {
        throw new RefusalError('proof-malformed', `a proof of more than ${proofHashesMax} hashes`);
    }
    return { to, proof: proof.map((text) => parseHash(text, 'proof-malformed')) };
}
function parseHash(text, code) {
    const hash = typeof text === 'string' ? fromBase64(text, 32) : null;
    if (hash === null)
        throw new RefusalError(code, 'a hash must be 32 bytes of standard base64');
    return hash;
}
/** Reads the lines of a segment and their leaf hashes. The body is the caller's to give away: it is written to. */
export function readSegmentLines(body) {
    const buffer = Buffer.from(body.buffer, body.byteOffset, body.byteLength);
    if (!isUtf8(buffer))
        throw new RefusalError('entry-malformed', 'a line is not UTF-8');
    const texts = buffer.toString('utf8', 1).split('\n');
    const lines = [];
    let start = 1;
    for (let i = 0; i < texts.length - 1; i++) {
        const text = texts[i];
        const end = buffer.indexOf(newline, start);
        lines.push(readSegmentLine(buffer, { start, end, text }));
        start = end + 1;
    }
    return lines;
}
function readSegmentLine(buffer, { start, end, text }) {
    if (text.startsWith('"')) {
        const encoded = text.endsWith('"') ? text.slice(1, -1) : null;
        return { type: 'blank', leaf: parseHash(encoded, 'entry-malformed') };
    }
    if (text.startsWith('{"blank":')) {
        const run = parseBlankRun(text);
        if (run !== null)
            return run;
    }
    buffer[start - 1] = 0;
    const leaf = hashLeafPrefixed(buffer.subarray(start - 1, end));
    buffer[start - 1] = newline;
    return { type: 'entry', bytes: buffer.subarray(start, end), text, leaf };
}
/** An aligned run of blanks folded to its subtree hash; null when the line is an entry after all. */
function parseBlankRun(text) {
    const value = parseJson(Buffer.from(text));
    if (value === null || value === undefined || value.k !== undefined)
        return null;
    const count = value.blank;
    if (typeof count !== 'number' || !Number.isSafeInteger(count) || count < 2) {
        throw new RefusalError('entry-malformed', '"blank" must be a power of two, at least 2');
    }
    const level = Math.round(Math.log2(count));
    if (2 ** level !== count) {
        throw new RefusalError('entry-malformed', '"blank" must be a power of two, at least 2');
    }
    return { type: 'blank-run', level, hash: parseHash(value.hash, 'entry-malformed') };
}
//# sourceMappingURL=chunk.js.map