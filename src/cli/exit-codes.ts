/**
 * Owns: the commands, a file each: their options, what they print, and how they end.
 * Relies on: everything below; modules are loaded only when their command is named.
 * Never: decides what is true of the mesh; it asks the rooms that do.
 */

/** How a command ends. Scripts rely on these numbers: they are never reused. */
export const exitCodes = {
  ok: 0,
  failed: 1,
  usage: 2,
  notRunning: 3,
  inUse: 4,
} as const

export type ExitCode = (typeof exitCodes)[keyof typeof exitCodes]

export const exitCodeMeanings: Readonly<Record<keyof typeof exitCodes, string>> = {
  ok: 'done',
  failed: 'could not be done, or what was asked about is not so; the message says why',
  usage: 'wrong usage, or a configuration, key file or input that cannot be used',
  notRunning: 'the command needs a running node and there is none',
  inUse: 'the data folder is in use by a running node or another command',
}

export function exitCodeHelp(): string {
  const rows = Object.entries(exitCodes).map(
    ([name, code]) => `  ${code}  ${exitCodeMeanings[name as keyof typeof exitCodes]}`,
  )
  return `Exit codes:\n${rows.join('\n')}`
}
