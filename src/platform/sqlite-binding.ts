import { createRequire } from 'node:module'
import type Binding from 'better-sqlite3'

/**
 * SQLite for the Node that runs us. Releases of better-sqlite3 before 13 abort the process on Node 24 when a statement
 * is collected; 13 and later need Node-API 10 and crash without a word where it is missing, as on Node 20. So both are
 * installed, and one is loaded.
 */
const nodeApiVersion = Number(process.versions.napi)
const moduleName = nodeApiVersion >= 10 ? 'better-sqlite3-node-api' : 'better-sqlite3'

export const Database = createRequire(import.meta.url)(moduleName) as typeof Binding
