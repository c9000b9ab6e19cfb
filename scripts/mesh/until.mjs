// Waiting for something to become so, with an end.
import { setTimeout as pause } from 'node:timers/promises'

/** Asks again and again until the answer is truthy, and answers it; throws when that takes too long. */
export async function until(what, { withinMs, pollMs }, isSo) {
  const deadline = performance.now() + withinMs
  for (;;) {
    const answer = await isSo()
    if (answer) return answer
    if (performance.now() > deadline) {
      throw new Error(`${what} did not happen within ${withinMs / 1_000} s`)
    }
    await pause(pollMs)
  }
}
