/** What happens next, ordered by virtual time, then by insertion. A binary heap: nothing else decides the order. */
export class Agenda {
  readonly #heap: { readonly atMs: number; readonly order: number; readonly run: () => void }[] = []
  #inserted = 0
  nowMs = 0
  /** Events run so far, and a digest of when they ran and what was noted of them. */
  count = 0
  digest = 0x811c9dc5

  after(delayMs: number, run: () => void): void {
    this.at(this.nowMs + delayMs, run)
  }

  at(atMs: number, run: () => void): void {
    const item = { atMs: Math.max(atMs, this.nowMs), order: this.#inserted++, run }
    const heap = this.#heap
    let i = heap.length
    heap.push(item)
    while (i > 0) {
      const parent = (i - 1) >> 1
      if (!isBefore(item, heap[parent] as typeof item)) break
      heap[i] = heap[parent] as typeof item
      i = parent
    }
    heap[i] = item
  }

  /** Runs everything due up to a time, which then is now. */
  runUntil(untilMs: number): void {
    for (;;) {
      const first = this.#heap[0]
      if (first === undefined || first.atMs > untilMs) break
      this.#removeFirst()
      this.nowMs = first.atMs
      this.count++
      this.note(first.atMs)
      first.run()
    }
    this.nowMs = untilMs
  }

  /** Adds to the digest: two runs of one seed must note the same. */
  note(value: number): void {
    this.digest = Math.imul(this.digest ^ (value | 0), 0x01000193) >>> 0
  }

  noteText(text: string): void {
    for (let i = 0; i < text.length; i++) this.note(text.charCodeAt(i))
  }

  #removeFirst(): void {
    const heap = this.#heap
    const last = heap.pop()
    if (last === undefined || heap.length === 0) return
    let i = 0
    for (;;) {
      let child = 2 * i + 1
      if (child >= heap.length) break
      const right = heap[child + 1]
      if (right !== undefined && isBefore(right, heap[child] as typeof right)) child++
      if (!isBefore(heap[child] as typeof last, last)) break
      heap[i] = heap[child] as typeof last
      i = child
    }
    heap[i] = last
  }
}

function isBefore(
  a: { readonly atMs: number; readonly order: number },
  b: { readonly atMs: number; readonly order: number },
): boolean {
  return a.atMs < b.atMs || (a.atMs === b.atMs && a.order < b.order)
}
