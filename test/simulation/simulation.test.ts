import { expect, test } from 'vitest'
import { simulate } from './simulation.ts'

const seeds = 300
const seedsPerTest = 50

for (let first = 1; first <= seeds; first += seedsPerTest) {
  const last = first + seedsPerTest - 1
  test(
    `seeds ${first} to ${last}: every node ends with the same true answers, and nothing is lost`,
    { timeout: 300_000 },
    () => {
      const failures: string[] = []
      for (let seed = first; seed <= last; seed++) {
        const { failure } = simulate(seed)
        if (failure !== null)
          failures.push(`seed ${seed}: ${failure}\nreplay: npm run simulate -- --seed ${seed}`)
      }
      expect(failures.join('\n\n')).toBe('')
    },
  )

  test(`seed ${last} run twice gives the same events`, { timeout: 60_000 }, () => {
    const once = simulate(last)
    const again = simulate(last)
    expect(again).toMatchObject({
      events: once.events,
      digest: once.digest,
      acknowledged: once.acknowledged,
    })
    expect(once.events).toBeGreaterThan(100)
  })
}

test(
  'true Ed25519 signatures in place of keyed hashes change nothing of what happens',
  { timeout: 60_000 },
  () => {
    const stubbed = simulate(3)
    const real = simulate(3, { realKeys: true })
    expect(real.failure).toBeNull()
    expect(real).toMatchObject({ events: stubbed.events, acknowledged: stubbed.acknowledged })
  },
)
