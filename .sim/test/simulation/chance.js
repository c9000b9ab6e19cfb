/**
 * Owns: the seeded simulator: several nodes of the production mesh machine over a virtual net, disk and clock.
 * Relies on: the files of src/mesh and src/domain, never a copy of them; pure readers of src/log and src/replication.
 * Never: a real clock, a promise in its loop, or chance other than the seed's.
 */
/** All chance of one run. The same seed draws the same numbers on every machine (sfc32). */
export class Chance {
    #a;
    #b;
    #c;
    #counter = 1;
    constructor(seed) {
        this.#a = seed | 0;
        this.#b = (seed / 2 ** 32) | 0;
        this.#c = 0x9e3779b9 | 0;
        for (let i = 0; i < 12; i++)
            this.next();
    }
    /** 32 bits. */
    next() {
        const sum = (((this.#a + this.#b) | 0) + this.#counter) | 0;
        this.#counter = (this.#counter + 1) | 0;
        this.#a = this.#b ^ (this.#b >>> 9);
        this.#b = (this.#c + (this.#c << 3)) | 0;
        this.#c = ((this.#c << 21) | (this.#c >>> 11)) + sum;
        return sum >>> 0;
    }
    /** A whole number, `from` and `to` included. */
    between(from, to) {
        return from + (this.next() % (to - from + 1));
    }
    isHit(probability) {
        return this.next() < probability * 2 ** 32;
    }
    pick(from) {
        if (from.length === 0)
            throw new Error('nothing to pick from');
        return from[this.next() % from.length];
    }
    bytes(count) {
        return Uint8Array.from({ length: count }, () => this.next() >>> 24);
    }
}
//# sourceMappingURL=chance.js.map