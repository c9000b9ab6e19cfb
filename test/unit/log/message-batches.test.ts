import { expect, test } from 'vitest'
import { MessageBatches } from '../../../src/log/message-batches.ts'

type Message = number | readonly string[]

/** Even numbers may wait, as texts; `release` ends the pause. */
function world(countMax: number) {
  const posted: Message[] = []
  const pauses: (() => void)[] = []
  const batches = new MessageBatches<Message, string>({
    post: (message) => void posted.push(message),
    pause: () => new Promise((resolve) => pauses.push(resolve)),
    itemOf: (message) => (typeof message === 'number' && message % 2 === 0 ? `${message}` : null),
    pack: (items) => items,
    countMaxOf: () => countMax,
  })
  const release = async (): Promise<void> => {
    for (const end of pauses.splice(0)) end()
    await Promise.resolve()
    await Promise.resolve()
  }
  return { batches, posted, release }
}

test('what may wait goes together once the thread pauses, and never later', async () => {
  const { batches, posted, release } = world(10)
  for (const message of [2, 4, 6]) batches.post(message)
  expect(posted).toEqual([])
  await release()
  expect(posted).toEqual([['2', '4', '6']])
  batches.post(8)
  await release()
  expect(posted).toEqual([['2', '4', '6'], ['8']])
})

test('nothing overtakes anything', () => {
  const { batches, posted } = world(10)
  for (const message of [2, 4, 1, 6, 3]) batches.post(message)
  expect(posted).toEqual([['2', '4'], 1, ['6'], 3])
})

test('a full batch does not wait', () => {
  const { batches, posted } = world(2)
  for (const message of [2, 4, 6]) batches.post(message)
  expect(posted).toEqual([['2', '4']])
})
