import { join } from 'node:path'
import { defineConfig } from 'vitest/config'
import { NoSkips } from './no-skips.ts'

const report = process.env['MYCELID_TEST_REPORT']

/** Where CI is set, a missing part of the machine is a failure, not a reason to skip. */
const reporters = [
  'default',
  ...(process.env['CI'] ? [new NoSkips()] : []),
  ...(report ? [['json', { outputFile: report }] as const] : []),
]

export default defineConfig({
  test: {
    root: join(import.meta.dirname, '..'),
    reporters: reporters as never,
    projects: [
      {
        extends: true,
        test: {
          name: 'pure',
          include: ['test/*.test.ts', 'test/{unit,vectors,mesh,simulation}/**/*.test.ts'],
          pool: 'threads',
          // These share no state beyond their modules; one isolate per thread runs them four times as fast.
          isolate: false,
          testTimeout: 30_000,
        },
      },
      {
        extends: true,
        test: {
          name: 'real',
          include: ['test/{contracts,real}/**/*.test.ts'],
          pool: 'forks',
          testTimeout: 60_000,
          hookTimeout: 60_000,
        },
      },
      {
        extends: true,
        test: {
          name: 'browser',
          include: ['test/browser/**/*.test.ts'],
          pool: 'forks',
          testTimeout: 60_000,
          hookTimeout: 60_000,
        },
      },
    ],
  },
})
