import { Worker } from 'node:worker_threads'

/**
 * Begins the writer's thread: it loads its files, and starts when `startWriterThread` gives it its options. A process
 * that ends before does not wait for it.
 */
export function spawnWriterThread(): Worker {
  const worker = new Worker(new URL('./writer.js', import.meta.url), {
    name: 'writer',
    // What it allocates dies young; a small nursery keeps a long catch-up small.
    resourceLimits: { maxYoungGenerationSizeMb: 16 },
  })
  worker.unref()
  return worker
}
