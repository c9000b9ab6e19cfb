import { randomBytes } from 'node:crypto'
import { gunzipSync, gzipSync } from 'node:zlib'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { pack, unpack } from '../../../src/replication/chunk-stream.ts'

async function* inPieces(bytes: Uint8Array, size: number): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size)
}

async function collect(stream: AsyncIterable<Uint8Array>): Promise<Buffer> {
  const pieces: Uint8Array[] = []
  for await (const piece of stream) pieces.push(piece)
  return Buffer.concat(pieces)
}

const lines = Buffer.from(
  Array.from({ length: 30_000 }, (_, i) => `{"k":"bind","t":${i},"z":"${i * 7919}"}\n`).join(''),
)

describe('unpack', () => {
  test('bodies without encoding pass as they are', async () => {
    for (const encoding of [undefined, 'identity'])
      expect((await collect(unpack(inPieces(lines, 1000), encoding))).equals(lines)).toBe(true)
  })

  test('gzip comes out whole however the network cuts it', async () => {
    const some = lines.subarray(0, 20_000)
    const packed = gzipSync(some)
    for (const size of [1, 7, 1000, packed.length]) {
      const unpacked = await collect(unpack(inPieces(packed, size), 'gzip'))
      expect(unpacked.equals(some)).toBe(true)
    }
  })

  test('an unknown encoding is refused by name', () => {
    for (const encoding of ['br', 'deflate', 'gzip, gzip', 'zstd']) {
      expect(() => unpack(inPieces(lines, 1000), encoding)).toThrow(
        expect.objectContaining({ code: 'header-malformed' }),
      )
    }
  })

  test('gzip that ends early is refused as truncated, wherever it ends', async () => {
    const packed = gzipSync(lines.subarray(0, 2000))
    for (let length = 0; length < packed.length; length++) {
      const stream = unpack(inPieces(packed.subarray(0, length), 100), 'gzip')
      await expect(collect(stream), `cut at ${length}`).rejects.toMatchObject({
        code: 'chunk-truncated',
      })
    }
  })

  test('corrupt gzip is refused as truncated and throws nothing else', async () => {
    const packed = gzipSync(randomBytes(20_000))
    packed[10_000] = (packed[10_000] ?? 0) ^ 1
    await expect(collect(unpack(inPieces(packed, 500), 'gzip'))).rejects.toMatchObject({
      code: 'chunk-truncated',
    })
    const garbage = unpack(inPieces(Buffer.from('not gzip at all'), 4), 'gzip')
    await expect(collect(garbage)).rejects.toMatchObject({ code: 'chunk-truncated' })
    const more = unpack(inPieces(Buffer.concat([gzipSync('a'), Buffer.from('junk')]), 4), 'gzip')
    await expect(collect(more)).rejects.toMatchObject({ code: 'chunk-truncated' })
  })

  test('a connection cut in the middle is refused as truncated, packed or not', async () => {
    async function* cut(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
      yield bytes.subarray(0, 600)
      throw Object.assign(new Error('aborted'), { code: 'ECONNRESET' })
    }
    for (const [bytes, encoding] of [
      [lines, undefined] as const,
      [gzipSync(lines), 'gzip'] as const,
    ])
      await expect(collect(unpack(cut(bytes), encoding))).rejects.toMatchObject({
        code: 'chunk-truncated',
      })
  })

  test('a gzip bomb is refused soon after the free allowance', async () => {
    const bomb = gzipSync(Buffer.alloc(64 * 1024 * 1024))
    let unpackedBytes = 0
    const read = async (): Promise<void> => {
      for await (const piece of unpack(inPieces(bomb, 4096), 'gzip')) unpackedBytes += piece.length
    }
    await expect(read()).rejects.toMatchObject({ code: 'unpacked-too-long' })
    expect(unpackedBytes).toBeLessThan(2 * 1024 * 1024)
  })

  test('small bodies of equal bytes may pack better than the ratio', async () => {
    const zeros = Buffer.alloc(900_000)
    expect((await collect(unpack(inPieces(gzipSync(zeros), 100), 'gzip'))).length).toBe(900_000)
  })

  test('a reader that pauses pauses the source', async () => {
    let taken = 0
    async function* counted(): AsyncGenerator<Uint8Array> {
      for await (const piece of inPieces(gzipSync(randomBytes(4_000_000)), 16_384)) {
        taken++
        yield piece
      }
    }
    const stream = unpack(counted(), 'gzip')[Symbol.asyncIterator]()
    await stream.next()
    await new Promise((resolve) => setImmediate(resolve))
    expect(taken).toBeLessThanOrEqual(4)
    await stream.return?.()
  })

  test('a reader that leaves ends the source', async () => {
    for (const encoding of [undefined, 'gzip']) {
      let isEnded = false
      async function* endless(): AsyncGenerator<Uint8Array> {
        try {
          for (;;) yield* inPieces(encoding === 'gzip' ? gzipSync(lines) : lines, 1000)
        } finally {
          isEnded = true
        }
      }
      for await (const piece of unpack(endless(), encoding)) if (piece.length > 0) break
      expect(isEnded).toBe(true)
    }
  })
})

describe('pack', () => {
  test('whatever is packed unpacks to the same bytes, in any pieces', async () => {
    const piece = fc.uint8Array({ maxLength: 5000 })
    await fc.assert(
      fc.asyncProperty(fc.array(piece, { maxLength: 20 }), async (pieces) => {
        async function* source(): AsyncGenerator<Uint8Array> {
          yield* pieces
        }
        const packed = await collect(pack(source()))
        const whole = Buffer.concat(pieces)
        expect(gunzipSync(packed).equals(whole)).toBe(true)
        expect((await collect(unpack(inPieces(packed, 333), 'gzip'))).equals(whole)).toBe(true)
      }),
      { numRuns: 50 },
    )
  })

  test('what went in comes out while the source pauses', async () => {
    let goOn = (): void => undefined
    const pause = new Promise<void>((resolve) => (goOn = resolve))
    async function* slow(): AsyncGenerator<Uint8Array> {
      yield Buffer.from('first\n')
      await pause
      yield Buffer.from('second\n')
    }
    const unpacked = unpack(pack(slow()), 'gzip')[Symbol.asyncIterator]()
    expect(Buffer.from((await unpacked.next()).value ?? []).toString()).toBe('first\n')
    goOn()
    expect(Buffer.from((await unpacked.next()).value ?? []).toString()).toBe('second\n')
    expect((await unpacked.next()).done).toBe(true)
  })

  test('a fault of the source comes through and ends the stream', async () => {
    async function* broken(): AsyncGenerator<Uint8Array> {
      yield lines
      throw new Error('the store broke')
    }
    await expect(collect(pack(broken()))).rejects.toThrow('the store broke')
  })
})
