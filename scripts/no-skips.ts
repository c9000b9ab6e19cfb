import type { Reporter, TestModule } from 'vitest/node'

/**
 * Fails a run in which any test was skipped, and names each. A test may skip when the machine lacks a part it
 * needs; where the machine is ours to furnish, that would only hide that nobody ran it.
 */
export class NoSkips implements Reporter {
  onTestRunEnd(modules: readonly TestModule[]): void {
    const skipped = modules.flatMap((module) => [...module.children.allTests('skipped')])
    if (skipped.length === 0) return
    process.exitCode = 1
    process.stderr.write(`\nskipped, and CI allows no skips:\n`)
    for (const test of skipped)
      process.stderr.write(`  ${test.module.relativeModuleId} > ${test.fullName}\n`)
  }
}
