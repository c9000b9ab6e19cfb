// The newest mails, in memory, bounded in number and in bytes. Ids only grow, so a reader can ask for what is newer.

/** As mails of a demonstration come: more than a person looks through, less than a process feels. */
export const mailsMax = 100
export const mailBytesMax = 1024 * 1024
export const mailboxBytesMax = 32 * 1024 * 1024

export class Mailbox {
  #mails = []
  #bytes = 0
  #lastId = 0
  #countMax

  constructor(countMax = mailsMax) {
    this.#countMax = countMax
  }

  /** `mail` as `readMail` made it. The oldest make room. */
  add(mail, receivedAt) {
    const kept = { id: ++this.#lastId, receivedAt, ...mail }
    this.#mails.push(kept)
    this.#bytes += kept.bytes
    while (this.#mails.length > this.#countMax || this.#bytes > mailboxBytesMax) {
      this.#bytes -= this.#mails.shift().bytes
    }
    return kept
  }

  /** Newest first; with `after`, only those with a greater id. */
  list(after = 0) {
    return this.#mails.filter(({ id }) => id > after).reverse()
  }

  find(id) {
    return this.#mails.find((mail) => mail.id === id) ?? null
  }
}
