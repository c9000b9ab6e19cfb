import { sessionChangeTriesMax } from '../domain/api-limits.ts'
import { RefusalError } from '../domain/refusal.ts'
import type { Acceptances } from '../features/terms/terms.ts'
import type { Records } from './records.ts'

/** Accepted terms as they are kept: one record for each user. */
export function acceptancesIn(records: Pick<Records, 'findRecord' | 'changeRecords'>): Acceptances {
  const find = async (mxid: string) => {
    const record = await records.findRecord('terms', mxid)
    const accepted = record === null ? [] : (JSON.parse(record.body) as string[])
    return { accepted, expected: record?.revision ?? null }
  }
  return {
    read: async (mxid) => (await find(mxid)).accepted,
    add: async (mxid, added) => {
      for (let tries = 0; tries < sessionChangeTriesMax; tries++) {
        const { accepted, expected } = await find(mxid)
        const body = JSON.stringify([...new Set([...accepted, ...added])])
        const times = { dueMs: null, expiresMs: null }
        const record = { kind: 'terms', key: mxid, subject: mxid, body, ...times } as const
        if (await records.changeRecords([{ type: 'put', record, expected }])) return
      }
      throw new RefusalError('limit-exceeded', 'too many acceptances of one user at once')
    },
  }
}
