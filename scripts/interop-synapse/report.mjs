// What was tried, what the servers said to it, and whether that is what a client needs.

/** A step did not go as it must; the scene it belongs to ends, others go on. */
export class StepFailed extends Error {}

const saidCharsMax = 88

export class Report {
  #steps = []
  #say
  #signal

  constructor({ say, signal }) {
    this.#say = say
    this.#signal = signal
  }

  get failedCount() {
    return this.#steps.filter(({ isOk }) => !isOk).length
  }

  get count() {
    return this.#steps.length
  }

  /** `act` answers `[what was said, what is handed on]`, or throws. */
  async step(what, act) {
    try {
      const [said, result] = await act()
      this.#note({ what, said, isOk: true })
      return result
    } catch (error) {
      if (this.#signal.aborted) throw this.#signal.reason
      this.#note({ what, said: messageOf(error), isOk: false })
      throw new StepFailed(what, { cause: error })
    }
  }

  #note(step) {
    this.#steps.push(step)
    this.#say(`${step.isOk ? 'ok    ' : 'NOT OK'}  ${step.what}`)
    if (!step.isOk) this.#say(`        ${step.said}`)
  }

  table() {
    const rows = this.#steps.map(({ what, said, isOk }) => [
      what,
      shorten(said),
      isOk ? 'ok' : 'NO',
    ])
    const widths = [0, 1].map((column) => Math.max(...rows.map((row) => row[column].length), 4))
    const line = (cells) =>
      cells
        .map((cell, column) => cell.padEnd(widths[column] ?? 0))
        .join('  ')
        .trimEnd()
    return [line(['step', 'said', 'ok']), line([...widths.map((n) => '-'.repeat(n)), '--'])]
      .concat(rows.map(line))
      .join('\n')
  }
}

/** Throws when a claim does not hold, with what was found instead. */
export function expect(isSo, message, found) {
  if (isSo) return
  throw new Error(found === undefined ? message : `${message}; found ${JSON.stringify(found)}`)
}

function messageOf(error) {
  return error instanceof Error ? `${error.message}${causeOf(error)}` : String(error)
}

function causeOf({ cause }) {
  return cause instanceof Error ? ` (${cause.message})` : ''
}

function shorten(text) {
  const line = text.replaceAll(/\s+/g, ' ')
  return line.length <= saidCharsMax ? line : `${line.slice(0, saidCharsMax - 1)}…`
}
