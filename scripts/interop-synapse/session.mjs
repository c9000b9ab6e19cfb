// One run: Synapse installed, everything started, the scenes played, everything stopped.
import { mkdirSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { play } from './play.mjs'
import { Report } from './report.mjs'
import { Site } from './site.mjs'
import { installSynapse } from './synapse.mjs'

/** Answers whether all went well. Rejects with the signal's reason once that is aborted. */
export async function session({ folder, options, signal, say }) {
  const venv = options.venv === undefined ? join(folder, 'venv') : resolve(options.venv)
  mkdirSync(venv, { recursive: true })
  const { python, synapse: version } = options
  const synapse = await installSynapse({ python, folder: venv, version, signal, say })
  say(`Synapse ${synapse.version}`)
  const site = new Site({ folder, interpreter: synapse.interpreter, signal })
  const report = new Report({ say, signal })
  try {
    await unlessStopped(signal, site.start())
    await unlessStopped(signal, play({ site, report }))
  } finally {
    await site.stop()
    if (report.count > 0) say(`\n${report.table()}\n`)
  }
  const { count, failedCount } = report
  say(failedCount === 0 ? `all ${count} steps ok` : `${failedCount} of ${count} steps not ok`)
  return failedCount === 0
}

function unlessStopped(signal, work) {
  const stopped = new Promise((_resolve, reject) => {
    const give = () => reject(new Error(signal.reason.message))
    if (signal.aborted) give()
    signal.addEventListener('abort', give, { once: true })
  })
  return Promise.race([work, stopped])
}
