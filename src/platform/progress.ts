/** How far a long task has come: a moving bar for a person, a line now and then for a log. */
export type Progress = {
  /** `done` of the total so far; drawn now and then. */
  update(done: number): void
  /** Draws the last state and leaves the line. */
  end(): void
}

const barWidth = 24
/** A bar drawn more often flickers and costs more than it tells. */
const drawEveryMs = 100
const lineEveryMs = 5_000

export function createProgress(wanted: {
  readonly label: string
  /** What is counted ("lines"); null total when it is not known beforehand. */
  readonly unit: string
  readonly total: number | null
  readonly isTty: boolean
  readonly write: (text: string) => void
  readonly monoMs: () => number
}): Progress {
  const { isTty, write, monoMs } = wanted
  const startedMs = monoMs()
  const everyMs = isTty ? drawEveryMs : lineEveryMs
  let done = 0
  let drawnMs = startedMs
  let widest = 0
  const draw = (isLast: boolean): void => {
    const text = describeProgress({ ...wanted, done, elapsedMs: monoMs() - startedMs, isLast })
    widest = Math.max(widest, text.length)
    write(isTty ? `\r${text.padEnd(widest)}${isLast ? '\n' : ''}` : `${text}\n`)
  }
  return {
    update: (value) => {
      done = value
      if (monoMs() - drawnMs < everyMs) return
      drawnMs = monoMs()
      draw(false)
    },
    end: () => draw(true),
  }
}

export function describeProgress(state: {
  readonly label: string
  readonly unit: string
  readonly total: number | null
  readonly done: number
  readonly elapsedMs: number
  readonly isTty: boolean
  readonly isLast: boolean
}): string {
  const { label, unit, total, done, elapsedMs, isTty, isLast } = state
  const perSecond = elapsedMs > 0 ? (done * 1_000) / elapsedMs : 0
  const rate = `${count(Math.round(perSecond))} ${unit}/s`
  const share = total === null || total === 0 ? null : Math.min(1, done / total)
  const parts = [label]
  if (share !== null) {
    const filled = Math.round(share * barWidth)
    if (isTty) parts.push(`[${'#'.repeat(filled)}${'.'.repeat(barWidth - filled)}]`)
    parts.push(`${Math.floor(share * 100)} %`)
  }
  parts.push(`${count(done)}${total === null ? '' : ` of ${count(total)}`} ${unit}`, rate)
  if (isLast) parts.push(`in ${formatSpan(elapsedMs)}`)
  else if (total !== null && perSecond > 0) {
    parts.push(`${formatSpan(((total - done) / perSecond) * 1_000)} left`)
  }
  return parts.join('  ')
}

/** 1234567 as "1 234 567". */
export function count(value: number): string {
  return String(value).replace(/\B(?=(\d{3})+$)/g, ' ')
}

/** A length of time to its two largest units: "3 h 12 min", "45 s", "0.3 s". */
export function formatSpan(ms: number): string {
  if (ms < 10_000) return `${(Math.max(0, ms) / 1_000).toFixed(1)} s`
  const seconds = Math.round(ms / 1_000)
  if (seconds < 60) return `${seconds} s`
  const minutes = Math.floor(seconds / 60)
  if (minutes < 60) return `${minutes} min ${seconds % 60} s`
  const hours = Math.floor(minutes / 60)
  if (hours < 48) return `${hours} h ${minutes % 60} min`
  return `${Math.floor(hours / 24)} d ${hours % 24} h`
}
