export type MessageBatchesDeps<Message, Item> = {
  readonly post: (message: Message) => void
  /** Resolves once what has already arrived was dealt with. */
  readonly pause: () => Promise<void>
  /** What of a message may wait for others of its kind; null for one that goes at once. */
  readonly itemOf: (message: Message) => Item | null
  readonly pack: (items: readonly Item[]) => Message
  /** How many may wait once this one has come. */
  readonly countMaxOf: (item: Item) => number
}

/**
 * What passes between the main thread and the writer. Each message wakes the other thread, which costs as much as a
 * dozen lines of a catch-up, or half a bind: those that may wait go several at once, but never later than when this
 * thread pauses, and in their order with all others.
 */
export class MessageBatches<Message, Item> {
  readonly #deps: MessageBatchesDeps<Message, Item>
  #items: Item[] = []

  constructor(deps: MessageBatchesDeps<Message, Item>) {
    this.#deps = deps
  }

  post(message: Message): void {
    const { itemOf, post, pause, countMaxOf } = this.#deps
    const item = itemOf(message)
    if (item === null) {
      this.#flush()
      post(message)
      return
    }
    this.#items.push(item)
    if (this.#items.length >= countMaxOf(item)) this.#flush()
    else if (this.#items.length === 1) void pause().then(() => this.#flush())
  }

  #flush(): void {
    if (this.#items.length === 0) return
    const items = this.#items
    this.#items = []
    this.#deps.post(this.#deps.pack(items))
  }
}
