import { Worker } from 'node:worker_threads'
import { StorageFault } from '../storage/storage.ts'
import { WriterClient } from './writer-client.ts'
import type { FromWriter, ToWriter, WriterOptions, WriterStatus } from './writer-messages.ts'

/** Starts the writer thread and resolves once it has loaded what stands. */
export async function startWriterThread(
  options: WriterOptions,
): Promise<{ readonly writer: WriterClient; readonly status: WriterStatus }> {
  const worker = new Worker(new URL('./writer.js', import.meta.url), {
    workerData: options,
    name: 'writer',
    // What it allocates dies young; a small nursery keeps a long catch-up small.
    resourceLimits: { maxYoungGenerationSizeMb: 16 },
  })
  const writer = new WriterClient((message: ToWriter) =>
    worker.postMessage(message, transfersOf(message)),
  )
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

/** Segments are moved, not copied: they are the bulk of what passes. */
function transfersOf(message: ToWriter): ArrayBuffer[] {
  if (message.type !== 'input' || message.input.type !== 'segment') return []
  const { body } = message.input.segment
  return body.buffer instanceof ArrayBuffer && body.byteLength === body.buffer.byteLength
    ? [body.buffer]
    : []
}
