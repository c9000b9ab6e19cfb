/** The signals that end or reload a process; they count from the moment this is called. */
export type Signals = {
  /** Resolves with the signal's name once the process is asked to end. */
  readonly ended: Promise<string>
  readonly hasEnded: boolean
  onReload(run: () => void): void
  /** Ends the process whatever still runs. */
  exitNow(code: number): void
}

/** SIGTERM and SIGINT end, a second one of them at once; SIGHUP reloads. */
export function onSignals(): Signals {
  let count = 0
  let runReload: () => void = () => {}
  const ended = new Promise<string>((resolve) => {
    for (const name of ['SIGTERM', 'SIGINT'] as const) {
      process.on(name, () => {
        count++
        if (count > 1) process.exit(1)
        resolve(name)
      })
    }
  })
  process.on('SIGHUP', () => runReload())
  return {
    ended,
    get hasEnded() {
      return count > 0
    },
    onReload: (run) => {
      runReload = run
    },
    exitNow: (code) => process.exit(code),
  }
}
