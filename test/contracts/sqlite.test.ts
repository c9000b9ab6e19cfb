import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { openStorage, createSharedFilter } from '../../src/storage/index.ts'
import { storageContract, type StoreUnderTest } from './storage.ts'

async function createStore(isFiltered: boolean): Promise<StoreUnderTest> {
  const folder = await mkdtemp(join(tmpdir(), 'mycelid-store-'))
  const filter = isFiltered ? { filter: createSharedFilter({ capacity: 1000 }) } : {}
  return {
    open: (access) =>
      openStorage({ engine: 'sqlite', file: join(folder, 'node.db'), access, ...filter }),
    remove: () => rm(folder, { recursive: true }),
  }
}

storageContract('sqlite', () => createStore(false))
storageContract('sqlite with a filter', () => createStore(true))
