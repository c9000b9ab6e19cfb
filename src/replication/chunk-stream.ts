import { constants, createGunzip, createGzip, type Gunzip, type Gzip } from 'node:zlib'
import { packPieceBytes, unpackFreeBytes, unpackRatioMax } from '../domain/limits.ts'
import { isRefusal, RefusalError } from '../domain/refusal.ts'

type Piece = Uint8Array<ArrayBufferLike>

/**
 * The bytes inside a body sent with this Content-Encoding (undefined: as they are). Refuses 'header-malformed' for an
 * encoding that is neither gzip nor identity, 'unpacked-too-long' for a gzip bomb, 'chunk-truncated' when the packed
 * bytes are corrupt or end early, or when `source` fails (a connection that was cut).
 *
 * Works only when asked for the next piece, and holds at most a few of them: a reader that pauses pauses the sender.
 */
export function unpack(
  source: AsyncIterable<Piece>,
  encoding: string | undefined,
): AsyncIterable<Piece> {
  switch (encoding?.trim().toLowerCase()) {
    case undefined:
    case '':
    case 'identity':
      return asSent(source)
    case 'gzip':
      return unpackGzip(source)
    default:
      throw new RefusalError('header-malformed', `expected gzip or no encoding, got ${encoding}`)
  }
}

/**
 * gzip, level 1 (above it costs three times the CPU for 4 %, replication.md 2.4). What went in comes out as soon as the
 * source pauses, so that a slow stream still moves.
 */
export async function* pack(source: AsyncIterable<Piece>): AsyncGenerator<Piece, void, void> {
  const gzip = createGzip({ level: constants.Z_BEST_SPEED, chunkSize: packPieceBytes })
  const work = workOf(gzip)
  const pieces = source[Symbol.asyncIterator]()
  try {
    for (let next = noteSettled(pieces.next()); ;) {
      const { value, done } = await next.result
      if (done === true) break
      next = noteSettled(pieces.next())
      yield* work((end) => gzip.write(value, end))
      if (!next.isSettled()) yield* work((end) => gzip.flush(constants.Z_SYNC_FLUSH, end))
    }
    yield* work((end) => endOf(gzip, end))
  } finally {
    gzip.destroy()
    await pieces.return?.()
  }
}

async function* asSent(source: AsyncIterable<Piece>): AsyncGenerator<Piece, void, void> {
  const pieces = source[Symbol.asyncIterator]()
  try {
    for (;;) {
      const { value, done } = await orTruncated(pieces.next())
      if (done === true) return
      yield value
    }
  } finally {
    await pieces.return?.()
  }
}

async function* unpackGzip(source: AsyncIterable<Piece>): AsyncGenerator<Piece, void, void> {
  const gunzip = createGunzip({ chunkSize: packPieceBytes })
  const work = workOf(gunzip)
  let packedBytes = 0
  let unpackedBytes = 0
  const counted = (piece: Piece): Piece => {
    unpackedBytes += piece.length
    if (unpackedBytes > unpackFreeBytes && unpackedBytes > unpackRatioMax * packedBytes) {
      const message = `expected at most ${unpackRatioMax} bytes for each packed one, got ${unpackedBytes} for ${packedBytes}`
      throw new RefusalError('unpacked-too-long', message)
    }
    return piece
  }
  try {
    for await (const packed of asSent(source)) {
      packedBytes += packed.length
      for await (const piece of work((end) => gunzip.write(packed, end))) yield counted(piece)
    }
    for await (const piece of work((end) => endOf(gunzip, end))) yield counted(piece)
  } catch (error) {
    if (isRefusal(error)) throw error
    throw truncated('its gzip is corrupt or ends early', error)
  } finally {
    gunzip.destroy()
  }
}

type Ended = (error?: Error | null) => void

/**
 * One act of a zlib stream after another: start it, hand out what it makes, return when it has ended. zlib itself stops
 * when the reader does, for it keeps no more than its high-water mark.
 */
function workOf(stream: Gzip | Gunzip): (start: (ended: Ended) => void) => AsyncGenerator<Piece> {
  let failure: Error | null = null
  let wake = (): void => undefined
  stream.on('readable', () => wake())
  stream.on('error', (error) => {
    failure = error
    wake()
  })
  return async function* (start) {
    let isEnded = false
    start((error) => {
      isEnded = true
      failure ??= error ?? null
      wake()
    })
    for (;;) {
      const piece = stream.read() as Buffer | null
      if (piece !== null) yield piece
      else if (failure !== null) throw failure
      else if (isEnded) return
      else await new Promise<void>((resolve) => (wake = resolve))
    }
  }
}

/** zlib calls a stream finished before its last bytes are made: they are all out at 'end'. */
function endOf(stream: Gzip | Gunzip, ended: Ended): void {
  stream.once('end', () => ended())
  stream.end()
}

function noteSettled<T>(result: Promise<T>): { result: Promise<T>; isSettled: () => boolean } {
  let isSettled = false
  const settle = (): void => {
    isSettled = true
  }
  result.then(settle, settle)
  return { result, isSettled: () => isSettled }
}

async function orTruncated<T>(next: Promise<T>): Promise<T> {
  try {
    return await next
  } catch (error) {
    throw isRefusal(error) ? error : truncated('the connection was cut', error)
  }
}

function truncated(what: string, cause: unknown): RefusalError {
  const refusal = new RefusalError('chunk-truncated', `the stream ended before its end: ${what}`)
  refusal.cause = cause
  return refusal
}
