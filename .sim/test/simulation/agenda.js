/** What happens next, ordered by virtual time, then by insertion. A binary heap: nothing else decides the order. */
export class Agenda {
    #heap = [];
    #inserted = 0;
    nowMs = 0;
    /** Events run so far, and a digest of when they ran and what was noted of them. */
    count = 0;
    digest = 0x811c9dc5;
    after(delayMs, run) {
        this.at(this.nowMs + delayMs, run);
    }
    at(atMs, run) {
        const item = { atMs: Math.max(atMs, this.nowMs), order: this.#inserted++, run };
        const heap = this.#heap;
        let i = heap.length;
        heap.push(item);
        while (i > 0) {
            const parent = (i - 1) >> 1;
            if (!isBefore(item, heap[parent]))
                break;
            heap[i] = heap[parent];
            i = parent;
        }
        heap[i] = item;
    }
    /** Runs everything due up to a time, which then is now. */
    runUntil(untilMs) {
        for (;;) {
            const first = this.#heap[0];
            if (first === undefined || first.atMs > untilMs)
                break;
            this.#removeFirst();
            this.nowMs = first.atMs;
            this.count++;
            this.note(first.atMs);
            first.run();
        }
        this.nowMs = untilMs;
    }
    /** Adds to the digest: two runs of one seed must note the same. */
    note(value) {
        this.digest = Math.imul(this.digest ^ (value | 0), 0x01000193) >>> 0;
    }
    noteText(text) {
        for (let i = 0; i < text.length; i++)
            this.note(text.charCodeAt(i));
    }
    #removeFirst() {
        const heap = this.#heap;
        const last = heap.pop();
        if (last === undefined || heap.length === 0)
            return;
        let i = 0;
        for (;;) {
            let child = 2 * i + 1;
            if (child >= heap.length)
                break;
            const right = heap[child + 1];
            if (right !== undefined && isBefore(right, heap[child]))
                child++;
            if (!isBefore(heap[child], last))
                break;
            heap[i] = heap[child];
            i = child;
        }
        heap[i] = last;
    }
}
function isBefore(a, b) {
    return a.atMs < b.atMs || (a.atMs === b.atMs && a.order < b.order);
}
//# sourceMappingURL=agenda.js.map