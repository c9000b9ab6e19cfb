import { parentPort } from 'node:worker_threads'
import { answersPerMessage, segmentsPerAnswer, tickIntervalMs } from '../domain/limits.ts'
import { startEvery } from '../platform/clock.ts'
import { openStorage } from '../storage/index.ts'
import type { Outward } from './driver.ts'
import { MessageBatches } from './message-batches.ts'
import { openRecorder } from './recorder.ts'
import { parseRoles, Roles, rolesMetaName } from './roles.ts'
import { failureMessage, WriterCore } from './writer-core.ts'
import { monoMs, pause, wallMs } from '../platform/clock.ts'
import { randomBytes } from '../platform/random.ts'
import type { FromWriter, ToWriter, WriterOptions } from './writer-messages.ts'

/**
 * The writer thread: a composition root of its own. It alone writes to the store and holds the mesh key; lookups on
 * the main thread read beside it and never wait for it.
 */
async function start(options: WriterOptions): Promise<void> {
  const port = parentPort
  if (port === null) throw new Error('the writer runs in a worker thread')
  const outbox = new MessageBatches<FromWriter, Outward>({
    post: (message) => port.postMessage(message),
    pause,
    itemOf: (message) =>
      message.type === 'outward' && mayWait.has(message.outward.type) ? message.outward : null,
    pack: (outwards) => ({ type: 'outwards', outwards }),
    countMaxOf: ({ type }) => (type === 'segment-taken' ? segmentsPerAnswer : answersPerMessage),
  })
  const post = (message: FromWriter): void => outbox.post(message)
  try {
    const standing: { roles: Roles | null } = { roles: null }
    const groupOf = (log: string, via: string | null): string =>
      standing.roles?.groupOf(log, via) ?? log
    const storage = await openStorage({
      ...options.storage,
      access: 'write',
      mustExist: true,
      groupOf,
    })
    const remembered = parseRoles(await storage.readMeta(rolesMetaName))
    const roles = new Roles(options.self.name, remembered, [])
    standing.roles = roles
    const record = options.recordFile === null ? {} : { record: openRecorder(options.recordFile) }
    const core = await WriterCore.start(
      { storage, roles, wallMs, monoMs, random: randomBytes, pause, post, ...record },
      options,
    )
    const stopTicking = startEvery(tickIntervalMs, () => core.tick())
    port.on('message', (message: ToWriter) => {
      if (message.type === 'stop') stopTicking()
      core.take(message)
    })
    post({ type: 'started', status: core.status() })
  } catch (error) {
    post(failureMessage(error))
  }
}

/** Answers to requests, and that segments were taken. */
const mayWait: ReadonlySet<Outward['type']> = new Set(['appended', 'side-done', 'segment-taken'])

parentPort?.once('message', (message: ToWriter) => {
  if (message.type === 'start') void start(message.options)
})
