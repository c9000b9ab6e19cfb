import type Database from 'better-sqlite3'
import { storageFault } from './fault.ts'

/** Runs `work` as one transaction: all of it stands afterwards, or nothing and a StorageFault is thrown. */
export class Transactions {
  readonly #db: Database.Database
  readonly #beginWrite: Database.Statement
  readonly #beginRead: Database.Statement
  readonly #commit: Database.Statement

  constructor(db: Database.Database) {
    this.#db = db
    this.#beginWrite = db.prepare('BEGIN IMMEDIATE')
    this.#beginRead = db.prepare('BEGIN')
    this.#commit = db.prepare('COMMIT')
  }

  write<T>(work: () => T): T {
    return this.#run(this.#beginWrite, work)
  }

  /** One snapshot for several statements, and one lock instead of several. */
  read<T>(work: () => T): T {
    return this.#run(this.#beginRead, work)
  }

  /** A single statement needs no transaction, only its errors in the words of the port. */
  single<T>(work: () => T): T {
    try {
      return work()
    } catch (error) {
      throw storageFault(error, this.#db.name)
    }
  }

  #run<T>(begin: Database.Statement, work: () => T): T {
    try {
      begin.run()
      const result = work()
      this.#commit.run()
      return result
    } catch (error) {
      this.#rollBack()
      throw storageFault(error, this.#db.name)
    }
  }

  /** SQLite rolls back by itself after some errors; a rollback that fails has nothing to add to the first error. */
  #rollBack(): void {
    try {
      if (this.#db.inTransaction) this.#db.exec('ROLLBACK')
    } catch {
      return
    }
  }
}
