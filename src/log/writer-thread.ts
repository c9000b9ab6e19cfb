import type { Worker } from 'node:worker_threads'
import { answersPerMessage } from '../domain/limits.ts'
import { pause } from '../platform/clock.ts'
import { StorageFault } from '../storage/storage.ts'
import type { Input } from './driver.ts'
import { MessageBatches } from './message-batches.ts'
import { WriterClient } from './writer-client.ts'
import { spawnWriterThread } from './writer-worker.ts'
import type { FromWriter, ToWriter, WriterOptions, WriterStatus } from './writer-messages.ts'

/** Starts the writer in its thread and resolves once it has loaded what stands. */
export async function startWriterThread(
  options: WriterOptions,
  worker: Worker = spawnWriterThread(),
): Promise<{ readonly writer: WriterClient; readonly status: WriterStatus }> {
  worker.ref()
  worker.postMessage({ type: 'start', options } satisfies ToWriter)
  const inbox = new MessageBatches<ToWriter, Input>({
    post: (message) => worker.postMessage(message, transfersOf(message)),
    pause,
    itemOf: (message) =>
      message.type === 'input' && mayWait.has(message.input.type) ? message.input : null,
    pack: (inputs) => ({ type: 'inputs', inputs }),
    countMaxOf: () => answersPerMessage,
  })
  const writer = new WriterClient((message) => inbox.post(message))
  return new Promise((resolve, reject) => {
    worker.on('message', (message: FromWriter) => {
      if (message.type === 'started') resolve({ writer, status: message.status })
      if (message.type === 'failed') {
        reject(
          message.code === null
            ? new Error(message.message)
            : new StorageFault(message.code, message.message),
        )
      }
      writer.take(message)
      if (message.type === 'stopped') void worker.terminate()
    })
    worker.on('error', (error) => {
      writer.fail(error.message)
      reject(error)
    })
    worker.on('exit', () => writer.fail('its thread has ended'))
  })
}

/** What people wait for, and comes by the dozen when many do. */
const mayWait: ReadonlySet<Input['type']> = new Set(['append', 'side'])

/** Segments are moved, not copied: they are the bulk of what passes. */
function transfersOf(message: ToWriter): ArrayBuffer[] {
  if (message.type !== 'input' || message.input.type !== 'segment') return []
  const { body } = message.input.segment
  return body.buffer instanceof ArrayBuffer && body.byteLength === body.buffer.byteLength
    ? [body.buffer]
    : []
}
