// Sums up what the reports in a folder say and which steps broke; the last line is "N passed, N failed".
// Exits with 1 when anything failed, or when no test was seen to pass.
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'

const [folder, ...broken] = process.argv.slice(2)

/** Passed and failed of one report. A file that could not even be loaded is a failure; so is a skipped test. */
function count(name) {
  const file = join(folder, `${name}.json`)
  if (!existsSync(file)) return { passed: 0, failed: 0 }
  const report = JSON.parse(readFileSync(file, 'utf8'))
  const unloaded = report.testResults.filter(
    (result) => result.status === 'failed' && result.assertionResults.length === 0,
  ).length
  const skipped = report.numPendingTests + report.numTodoTests
  return { passed: report.numPassedTests, failed: report.numFailedTests + unloaded + skipped }
}

const main = count('tests')
const node24 = count('node24')
// A step whose tests failed is counted by those tests, any other by itself.
const counted = { 'npm test': main.failed, 'tests on Node 24': node24.failed }
const otherwise = broken.filter((step) => !counted[step])
const failed = main.failed + node24.failed + otherwise.length

console.log('')
if (node24.passed + node24.failed > 0) {
  console.log(`on Node 24: ${node24.passed} tests passed, ${node24.failed} failed`)
}
for (const step of otherwise) console.log(`broken step: ${step}`)
console.log(`${main.passed} passed, ${failed} failed`)
process.exitCode = failed > 0 || main.passed === 0 ? 1 : 0
