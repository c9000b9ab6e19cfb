import { createHash } from 'node:crypto'
import { expect, test } from 'vitest'
import { closedDigest } from '../../../src/domain/heads-digest.ts'

const paris = { log: 'paris.example/site~aaaaaaaa', size: 3, root: new Uint8Array(32).fill(1) }
const oslo = { log: 'oslo.example/site~bbbbbbbb', size: 12, root: new Uint8Array(32).fill(2) }

test('the digest is SHA-256 over a line for each log, in order of their ids', () => {
  const line = ({ log, size, root }: typeof paris): string =>
    `${log} ${size} ${Buffer.from(root).toString('base64')}\n`
  expect(closedDigest([oslo, paris])).toBe(
    createHash('sha256')
      .update(line(oslo) + line(paris))
      .digest('base64'),
  )
})

test('the digest does not depend on the order of arrival, and changes nothing it is given', () => {
  const logs = [paris, oslo]
  expect(closedDigest(logs)).toBe(closedDigest([oslo, paris]))
  expect(logs).toEqual([paris, oslo])
})

test('the digest differs when a log, a size or a root does', () => {
  const digests = [
    closedDigest([]),
    closedDigest([paris]),
    closedDigest([oslo]),
    closedDigest([paris, oslo]),
    closedDigest([{ ...paris, size: 4 }]),
    closedDigest([{ ...paris, root: oslo.root }]),
  ]
  expect(new Set(digests).size).toBe(digests.length)
})

test('of no closed logs it is the hash of nothing', () => {
  expect(closedDigest([])).toBe('47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=')
})
