import { simulate, type RunResult } from './simulation.ts'

/** The command line of the simulator: `--seed N`, or `--seeds COUNT --from S`; `--real-keys`, `--quiet`, `--json`. */
export function main(args: readonly string[]): number {
  const options = readArguments(args)
  const startedMs = performance.now()
  const failures: RunResult[] = []
  let writes = 0
  for (let seed = options.from; seed < options.from + options.seeds; seed++) {
    const result = simulate(seed, { realKeys: options.realKeys })
    writes += result.acknowledged
    if (options.seeds === 1) print(describe(result))
    if (result.failure === null) continue
    failures.push(result)
    if (!options.json)
      print(`seed ${seed}: ${result.failure}\n  replay: npm run simulate -- --seed ${seed}`)
    if (options.untilFailure) break
  }
  const seconds = (performance.now() - startedMs) / 1000
  if (options.json)
    print(JSON.stringify({ failures: failures.map(({ seed, failure }) => ({ seed, failure })) }))
  else
    print(
      `${options.seeds} seeds, ${writes} acknowledged writes, ${failures.length} failed, ${seconds.toFixed(1)} s`,
    )
  return failures.length === 0 ? 0 : 1
}

function describe({ plan, events, digest, refusals, acknowledged }: RunResult): string {
  const counts = [...refusals].map(([code, count]) => `${code} ${count}`).join(', ')
  return `${JSON.stringify(plan, null, 1)}\n${events} events, digest ${digest}, ${acknowledged} acknowledged, refusals: ${counts}`
}

function readArguments(args: readonly string[]) {
  const valueOf = (name: string): number | null => {
    const at = args.indexOf(name)
    return at < 0 ? null : Number(args[at + 1])
  }
  const seed = valueOf('--seed')
  return {
    from: seed ?? valueOf('--from') ?? 1,
    seeds: seed === null ? (valueOf('--seeds') ?? 300) : 1,
    realKeys: args.includes('--real-keys'),
    untilFailure: args.includes('--until-failure'),
    json: args.includes('--json'),
  }
}

function print(text: string): void {
  process.stdout.write(`${text}\n`)
}
