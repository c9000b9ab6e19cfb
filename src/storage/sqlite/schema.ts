import type { RecordKind } from '../storage.ts'

/**
 * The database, as numbered steps: step n brings version n - 1 to version n. Steps that were released are never
 * changed; a change of the schema is a new one.
 */
export type SchemaStep = { readonly version: number; readonly sql: string }

const recordKindsV2 = [
  'session',
  'invite',
  'ephemeral-key',
  'terms',
  'mail',
  'sms',
  'onbind',
] as const satisfies readonly RecordKind[]

export const recordKinds: readonly RecordKind[] = recordKindsV2

export function recordTableName(kind: RecordKind): string {
  return `record_${kind.replace('-', '_')}`
}

/**
 * - `line` holds the exact bytes of every line, `blank` the leaf hash where a line is not here; ids are of line-id.ts.
 * - `lookup` holds one row per applied entry that names a 3PID: found by its lookup hash, and so all lines of a 3PID.
 *   `superseded` is 1 for what no fold can need any more.
 * - `record_…`, a table for each kind, hold what is short-lived: sessions, invitations, accepted terms, tasks.
 * - `lookup_size` counts the rows of an index, because counting a million rows takes a while.
 * - Log numbers are never used again, even after a log is dropped: readers remember them.
 */
export const schemaSteps: readonly SchemaStep[] = [
  {
    version: 1,
    sql: `
      CREATE TABLE log (
        no INTEGER PRIMARY KEY AUTOINCREMENT,
        id TEXT NOT NULL UNIQUE,
        origin TEXT NOT NULL,
        size INTEGER NOT NULL,
        root BLOB NOT NULL,
        note TEXT NOT NULL,
        last_stamp INTEGER NOT NULL,
        halted_at INTEGER,
        blank_at INTEGER,
        closed_at INTEGER
      ) STRICT;
      CREATE TABLE line (id INTEGER PRIMARY KEY, bytes BLOB NOT NULL) STRICT;
      CREATE TABLE blank (id INTEGER PRIMARY KEY, hash BLOB NOT NULL) STRICT;
      CREATE TABLE subtree (
        no INTEGER NOT NULL,
        level INTEGER NOT NULL,
        n INTEGER NOT NULL,
        hash BLOB NOT NULL,
        PRIMARY KEY (no, level, n)
      ) STRICT, WITHOUT ROWID;
      ${lookupTable('lookup')};
      CREATE TABLE lookup_size (name TEXT PRIMARY KEY, entries INTEGER NOT NULL) STRICT, WITHOUT ROWID;
      INSERT INTO lookup_size (name, entries) VALUES ('lookup', 0);
      CREATE TABLE account (
        token_hash BLOB PRIMARY KEY,
        mxid TEXT NOT NULL,
        created_at INTEGER NOT NULL
      ) STRICT, WITHOUT ROWID;
      CREATE INDEX account_by_mxid ON account (mxid, created_at);
      CREATE TABLE meta (name TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT, WITHOUT ROWID;
    `,
  },
  { version: 2, sql: recordKindsV2.map(recordTable).join(';\n') },
]

function recordTable(kind: RecordKind): string {
  const table = recordTableName(kind)
  return `CREATE TABLE ${table} (
    key TEXT PRIMARY KEY,
    subject TEXT,
    body TEXT NOT NULL,
    due_ms INTEGER,
    expires_ms INTEGER,
    revision INTEGER NOT NULL
  ) STRICT, WITHOUT ROWID;
  CREATE INDEX ${table}_by_subject ON ${table} (subject) WHERE subject IS NOT NULL;
  CREATE INDEX ${table}_by_due ON ${table} (due_ms) WHERE due_ms IS NOT NULL;
  CREATE INDEX ${table}_by_expiry ON ${table} (expires_ms) WHERE expires_ms IS NOT NULL`
}

/** The lookup index is made anew beside the one in use when everything is folded again. */
export function lookupTable(name: string): string {
  return `CREATE TABLE ${name} (
    bucket INTEGER NOT NULL,
    superseded INTEGER NOT NULL,
    line INTEGER NOT NULL,
    PRIMARY KEY (bucket, superseded, line)
  ) STRICT, WITHOUT ROWID`
}
