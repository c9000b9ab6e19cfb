import { randomBytes } from 'node:crypto'
import {
  closeSync,
  constants,
  fstatSync,
  fsyncSync,
  linkSync,
  openSync,
  readSync,
  renameSync,
  unlinkSync,
  writeSync,
} from 'node:fs'
import { dirname } from 'node:path'

/** A file that cannot be used as it is; the message says what to do about it. */
export class SecretFileError extends Error {
  readonly code: 'missing' | 'too-open' | 'not-a-file' | 'too-large' | 'exists' | 'unreadable'

  constructor(code: SecretFileError['code'], message: string, options?: { cause?: unknown }) {
    super(message, options)
    this.name = 'SecretFileError'
    this.code = code
  }
}

/** Keys, certificates and passwords are a few KiB at most; a larger file is the wrong one. */
const fileBytesMax = 256 * 1024

/**
 * Reads a file only its owner may touch. Modes wider than 0600 are refused: whoever else could read it may already
 * have. The mode is that of the opened file, so it cannot be exchanged in between.
 */
export function readSecretFile(path: string): Buffer {
  return readBounded(path, (mode) => {
    if ((mode & 0o077) === 0) return
    const octal = (mode & 0o777).toString(8).padStart(4, '0')
    throw new SecretFileError(
      'too-open',
      `${path} can be read or changed by others (mode ${octal}); run: chmod 600 ${quoted(path)}`,
    )
  })
}

/** Reads a file that holds no secret (a certificate, a list of peers), with the same bounds. */
export function readPublicFile(path: string): Buffer {
  return readBounded(path, () => {})
}

/**
 * Makes a file that was not there before, mode 0600 unless told otherwise, durable when it returns. A file that is
 * there is never touched, not even by two makers at once: that one throws with `exists`.
 */
export function createFile(path: string, content: Uint8Array | string, mode = 0o600): void {
  const temporary = writeTemporary(path, content, mode)
  try {
    linkSync(temporary, path)
  } catch (error) {
    if (codeOf(error) === 'EEXIST') {
      throw new SecretFileError('exists', `${path} exists already`, { cause: error })
    }
    throw error
  } finally {
    unlinkSync(temporary)
  }
  syncFolder(dirname(path))
}

/** Replaces a file or makes it: afterwards, even after a crash, the old content stands or the new, never a part. */
export function replaceFile(path: string, content: Uint8Array | string, mode: number): void {
  const temporary = writeTemporary(path, content, mode)
  try {
    renameSync(temporary, path)
  } catch (error) {
    unlinkSync(temporary)
    throw error
  }
  syncFolder(dirname(path))
}

/** The permission bits of a file, null when there is none. */
export function fileMode(path: string): number | null {
  let descriptor: number
  try {
    descriptor = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK)
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return null
    throw error
  }
  try {
    return fstatSync(descriptor).mode & 0o777
  } finally {
    closeSync(descriptor)
  }
}

function readBounded(path: string, checkMode: (mode: number) => void): Buffer {
  const descriptor = openForReading(path)
  try {
    const stat = fstatSync(descriptor)
    if (!stat.isFile()) throw new SecretFileError('not-a-file', `${path} is no regular file`)
    checkMode(stat.mode)
    const buffer = Buffer.alloc(fileBytesMax + 1)
    let length = 0
    for (;;) {
      const count = readSync(descriptor, buffer, length, buffer.length - length, null)
      if (count === 0) return Buffer.from(buffer.subarray(0, length))
      length += count
      if (length > fileBytesMax) {
        throw new SecretFileError('too-large', `${path} is larger than ${fileBytesMax} bytes`)
      }
    }
  } finally {
    closeSync(descriptor)
  }
}

function openForReading(path: string): number {
  try {
    // Without O_NONBLOCK a named pipe in the place of the file would hold up the start for ever.
    return openSync(path, constants.O_RDONLY | constants.O_NONBLOCK)
  } catch (error) {
    if (codeOf(error) === 'ENOENT') {
      throw new SecretFileError('missing', `${path} does not exist`, { cause: error })
    }
    const reason = codeOf(error) ?? 'unknown error'
    throw new SecretFileError('unreadable', `${path} cannot be read (${reason})`, { cause: error })
  }
}

function writeTemporary(path: string, content: Uint8Array | string, mode: number): string {
  const temporary = `${path}.${randomBytes(6).toString('hex')}.tmp`
  const descriptor = openSync(temporary, 'wx', mode)
  try {
    const bytes = typeof content === 'string' ? Buffer.from(content) : content
    for (let done = 0; done < bytes.length;) done += writeSync(descriptor, bytes, done)
    fsyncSync(descriptor)
  } catch (error) {
    unlinkSync(temporary)
    throw error
  } finally {
    closeSync(descriptor)
  }
  return temporary
}

/** A name is durable only once its folder is. */
function syncFolder(folder: string): void {
  const descriptor = openSync(folder, 'r')
  try {
    fsyncSync(descriptor)
  } finally {
    closeSync(descriptor)
  }
}

function quoted(path: string): string {
  return /^[\w./@:+-]+$/.test(path) ? path : `'${path.replaceAll("'", "'\\''")}'`
}

function codeOf(error: unknown): string | undefined {
  return error instanceof Error && 'code' in error ? String(error.code) : undefined
}
