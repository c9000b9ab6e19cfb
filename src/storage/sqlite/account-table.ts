import type Database from 'better-sqlite3'
import type { Account, AccountChange } from '../storage.ts'

/** Access tokens, known by their hashes only. */
export class AccountTable {
  readonly #find: Database.Statement
  readonly #save: Database.Statement
  readonly #trim: Database.Statement
  readonly #remove: Database.Statement

  constructor(db: Database.Database) {
    this.#find = db.prepare('SELECT mxid, created_at FROM account WHERE token_hash = ?').raw()
    this.#save = db.prepare(
      `INSERT INTO account (token_hash, mxid, created_at) VALUES (?, ?, ?)
      ON CONFLICT (token_hash) DO UPDATE SET mxid = excluded.mxid, created_at = excluded.created_at`,
    )
    // The token just saved stays, even where a clock that went back makes it the oldest.
    this.#trim = db.prepare(
      `DELETE FROM account WHERE token_hash IN (
        SELECT token_hash FROM account WHERE mxid = ? AND token_hash <> ?
        ORDER BY created_at DESC, token_hash LIMIT -1 OFFSET ?
      )`,
    )
    this.#remove = db.prepare('DELETE FROM account WHERE token_hash = ?')
  }

  find(tokenHash: Uint8Array): Account | null {
    const row = this.#find.get(tokenHash) as [mxid: string, createdAtMs: number] | undefined
    return row === undefined ? null : { mxid: row[0], createdAtMs: row[1] }
  }

  change(change: AccountChange): void {
    if (change.type === 'remove') {
      this.#remove.run(change.tokenHash)
      return
    }
    const { tokenHash, mxid, createdAtMs, perUserMax } = change
    this.#save.run(tokenHash, mxid, createdAtMs)
    this.#trim.run(mxid, tokenHash, Math.max(0, perUserMax - 1))
  }
}
