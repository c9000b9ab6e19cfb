import { pino, type DestinationStream } from 'pino'

/** What a room needs of a logger: structured fields first, then a sentence. Children add fields to every line. */
export interface Logger {
  trace(fields: object, message: string): void
  debug(fields: object, message: string): void
  info(fields: object, message: string): void
  warn(fields: object, message: string): void
  error(fields: object, message: string): void
  fatal(fields: object, message: string): void
  child(fields: Record<string, unknown>): Logger
}

export const logLevels = ['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent'] as const
export type LogLevel = (typeof logLevels)[number]

/** The logger of the process: its level can be changed while running, children made before follow. */
export interface RootLogger extends Logger {
  setLevel(level: LogLevel): void
}

/**
 * The second line of defence: members of these names never leave, at the top of a line and one or two levels down.
 * The first is that nobody logs them.
 */
const redactedNames = [
  'address',
  'addresses',
  'token',
  'access_token',
  'accessToken',
  'authorization',
  'client_secret',
  'clientSecret',
  'cookie',
  'password',
  'pepper',
  'secret',
  'seed',
]

/** JSON lines with ISO times, to stdout unless a destination is given. Writes are synchronous: nothing is lost on exit. */
export function createLogger(wanted: {
  readonly level: LogLevel
  readonly destination?: DestinationStream
}): RootLogger {
  const options = {
    level: 'trace',
    base: { pid: process.pid },
    timestamp: pino.stdTimeFunctions.isoTime,
    formatters: { level: (label: string) => ({ level: label }) },
    redact: {
      paths: redactedNames.flatMap((name) => [name, `*.${name}`, `*.*.${name}`]),
      censor: '[redacted]',
    },
  }
  const sink = wanted.destination ?? pino.destination({ fd: 1, sync: true })
  const root = pino(options, sink)
  const threshold: Threshold = { value: ranks[wanted.level] }
  return { ...gate(root, threshold), setLevel: (level) => void (threshold.value = ranks[level]) }
}

type Threshold = { value: number }

const ranks: Record<LogLevel, number> = {
  trace: 10,
  debug: 20,
  info: 30,
  warn: 40,
  error: 50,
  fatal: 60,
  silent: 100,
}

/** pino's children keep the level they were born with; a shared threshold lets one change reach them all. */
function gate(inner: Logger, threshold: Threshold): Logger {
  const write =
    (level: Exclude<LogLevel, 'silent'>) =>
    (fields: object, message: string): void => {
      if (ranks[level] >= threshold.value) inner[level](fields, message)
    }
  return {
    trace: write('trace'),
    debug: write('debug'),
    info: write('info'),
    warn: write('warn'),
    error: write('error'),
    fatal: write('fatal'),
    child: (fields) => gate(inner.child(fields), threshold),
  }
}
