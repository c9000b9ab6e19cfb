import { CommanderError } from 'commander'
import { isRefusal } from '../domain/refusal.ts'
import { printable } from '../platform/terminal.ts'
import { exitCodes, type ExitCode } from './exit-codes.ts'

/** A command's own "no": a sentence for the operator and how the process ends. */
export class CommandError extends Error {
  readonly exitCode: ExitCode

  constructor(message: string, exitCode: ExitCode, options?: { cause?: unknown }) {
    super(message, options)
    this.name = 'CommandError'
    this.exitCode = exitCode
  }
}

/** What ended a command, ready to be shown. `problems` holds one sentence each where there are several. */
export type Failure = {
  readonly exitCode: ExitCode
  readonly code: string
  readonly message: string
  readonly problems: readonly string[]
}

/**
 * Errors are told apart by name, not by class: importing their modules would load what a short command does not need.
 */
export function failureOf(error: unknown): Failure {
  const message = messageOf(error)
  const made = (exitCode: ExitCode, code: string): Failure => ({
    exitCode,
    code,
    message,
    problems: problemsOf(message),
  })
  if (error instanceof CommandError) return made(error.exitCode, 'command')
  if (error instanceof CommanderError) return made(exitCodes.usage, 'usage')
  if (isRefusal(error)) return made(exitCodes.failed, error.code)
  switch (error instanceof Error ? error.name : '') {
    case 'ConfigError':
      return made(exitCodes.usage, 'config')
    case 'KeyFileError':
    case 'SecretFileError':
      return made(exitCodes.usage, 'key-file')
    case 'DataFolderMissingError':
      return { ...made(exitCodes.usage, 'no-data'), problems: [`${message}; run: mycelid init`] }
    case 'DataLockHeldError':
      return made(exitCodes.inUse, 'in-use')
    case 'ControlFault':
      return made(isRunning(error) ? exitCodes.failed : exitCodes.notRunning, 'control')
    case 'ControlRefusal':
      return made(exitCodes.failed, codeOf(error) ?? 'refused')
    case 'StorageFault':
      return made(exitCodes.failed, `storage-${codeOf(error) ?? 'other'}`)
    default:
      return made(exitCodes.failed, codeOf(error) ?? 'fault')
  }
}

function messageOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error)
  const path = 'path' in error && typeof error.path === 'string' ? error.path : null
  const reason = fileReasons[codeOf(error) ?? '']
  return path !== null && reason !== undefined ? `${path}: ${reason}` : error.message
}

/** What the system says of a file, in words. */
const fileReasons: Readonly<Record<string, string>> = {
  EACCES: 'permission denied',
  EPERM: 'not permitted',
  EROFS: 'the file system is read-only',
  ENOSPC: 'the disk is full',
  ENOENT: 'no such file or folder',
  ENOTDIR: 'a part of the path is no folder',
  EISDIR: 'is a folder, not a file',
  EEXIST: 'exists already',
}

function problemsOf(message: string): string[] {
  return message.split('\n').map(printable)
}

function isRunning(error: unknown): boolean {
  return error instanceof Error && 'isRunning' in error && error.isRunning === true
}

function codeOf(error: unknown): string | null {
  if (!(error instanceof Error) || !('code' in error)) return null
  return typeof error.code === 'string' ? error.code : null
}
