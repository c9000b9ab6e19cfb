import { afterAll, beforeAll, expect, test } from 'vitest'
import { FaultyCopies } from './fault-run.ts'
import { plantedFaults } from './faults.ts'

/** All faults together; most are caught by one of the first seeds. */
const seedsMax = 300

let copies: FaultyCopies

beforeAll(() => {
  copies = new FaultyCopies(plantedFaults)
}, 120_000)

afterAll(() => {
  copies.remove()
})

plantedFaults.forEach(({ name }, i) => {
  test(`the checker sees when ${name}`, { timeout: 300_000 }, async () => {
    const verdict = await copies.judge(i, seedsMax)
    expect(verdict, `no seed of ${seedsMax} was failed`).not.toBeNull()
  })
})
