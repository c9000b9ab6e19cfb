/** The terminal a command was started from, as a port: tests read what was written. */
export interface Terminal {
  /** To stdout: what was asked for. */
  readonly write: (text: string) => void
  /** To stderr: remarks, progress, errors. */
  readonly writeError: (text: string) => void
  /** Whether somebody watches stderr (progress moves) and stdout (colours). */
  readonly isErrorTty: boolean
  readonly isTty: boolean
  readonly columns: number
  /** Reads stdin to its end; refuses more than the bound. */
  readonly readInput: (bytesMax: number) => Promise<string>
  readonly environment: Readonly<Record<string, string | undefined>>
  readonly folder: string
}

export const processTerminal: Terminal = {
  write: (text) => void process.stdout.write(text),
  writeError: (text) => void process.stderr.write(text),
  isTty: process.stdout.isTTY === true,
  isErrorTty: process.stderr.isTTY === true,
  columns: process.stderr.columns ?? 80,
  readInput,
  environment: process.env,
  folder: process.cwd(),
}

/** Whoever read our output may stop reading (`| head`): then there is nobody left to write to, and no fault. */
export function endQuietlyWhenUnread(): void {
  for (const stream of [process.stdout, process.stderr]) {
    stream.on('error', (error: NodeJS.ErrnoException) => {
      if (error.code !== 'EPIPE') throw error
      process.exit()
    })
  }
}

async function readInput(bytesMax: number): Promise<string> {
  const chunks: Buffer[] = []
  let length = 0
  for await (const chunk of process.stdin as AsyncIterable<Buffer>) {
    length += chunk.length
    if (length > bytesMax) throw new RangeError(`more than ${bytesMax} bytes on standard input`)
    chunks.push(chunk)
  }
  return Buffer.concat(chunks).toString('utf8')
}

/** Columns as wide as their widest cell, two spaces between, nothing after the last. Control characters are shown as ?. */
export function formatTable(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const all = [head, ...rows].map((row) => row.map(printable))
  const widths = head.map((_, column) =>
    Math.max(...all.map((row) => [...(row[column] ?? '')].length)),
  )
  return all
    .map((row) =>
      row
        .map((cell, column) => cell + ' '.repeat((widths[column] ?? 0) - [...cell].length))
        .join('  ')
        .trimEnd(),
    )
    .join('\n')
}

/** What others wrote (a peer's words, a file's) must not move the cursor of whoever reads it. */
export function printable(text: string): string {
  return text.replace(/[\p{Cc}\p{Bidi_Control}]/gu, '?')
}

const colours = { red: 31, green: 32, yellow: 33, dim: 2, bold: 1 } as const

/** Colours a text where somebody watches and has not asked for none (NO_COLOR, TERM=dumb). */
export function paint(
  terminal: Pick<Terminal, 'isTty' | 'environment'>,
  colour: keyof typeof colours,
  text: string,
): string {
  const { NO_COLOR, TERM } = terminal.environment
  if (!terminal.isTty || (NO_COLOR ?? '') !== '' || TERM === 'dumb') return text
  return `\u001b[${colours[colour]}m${text}\u001b[0m`
}
