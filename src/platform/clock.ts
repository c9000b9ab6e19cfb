/** A timer that has been set. Cancelling one that has run, or twice, does nothing. */
export type Timer = { cancel(): void }

/** Both clocks of a machine and its timers, in milliseconds; tests hand in one they advance by hand. */
export interface Clock {
  /** Since the epoch, as the operator's machine believes; may jump. */
  readonly wallMs: () => number
  /** Since some moment of this boot; never jumps, and is the same in every thread of the process. */
  readonly monoMs: () => number
  /** Runs once, no sooner than asked. A timer does not keep the process alive. */
  readonly setTimer: (afterMs: number, run: () => void) => Timer
  /** Resolves after the time, or as soon as the signal aborts: the caller looks at the signal. */
  readonly sleep: (forMs: number, signal?: AbortSignal) => Promise<void>
}

export function wallMs(): number {
  return Date.now()
}

/** Not performance.now(), which counts from the start of each thread. */
export function monoMs(): number {
  const [seconds, nanoseconds] = process.hrtime()
  return seconds * 1_000 + nanoseconds / 1_000_000
}

export function setTimer(afterMs: number, run: () => void): Timer {
  const handle = setTimeout(run, afterMs)
  handle.unref()
  return { cancel: () => clearTimeout(handle) }
}

/** Runs again and again until the answered function is called. It does not keep the process alive. */
export function startEvery(intervalMs: number, run: () => void): () => void {
  const handle = setInterval(run, intervalMs)
  handle.unref()
  return () => clearInterval(handle)
}

/** Resolves once all that had already arrived was handed over (one turn of the event loop). */
export function pause(): Promise<void> {
  return new Promise((resolve) => {
    setImmediate(resolve)
  })
}

export function sleep(forMs: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal?.aborted === true) {
      resolve()
      return
    }
    const finish = (): void => {
      clearTimeout(handle)
      signal?.removeEventListener('abort', finish)
      resolve()
    }
    const handle = setTimeout(finish, forMs)
    signal?.addEventListener('abort', finish, { once: true })
  })
}

export const systemClock: Clock = { wallMs, monoMs, setTimer, sleep }

/** 2026-11-20T12:00:00.000Z, for people. */
export function isoTime(ms: number): string {
  return new Date(ms).toISOString()
}
