import { dirname, relative, resolve } from 'node:path'
import { formatPath, readShape, type ShapeProblem } from '../platform/shape.ts'
import type { Config } from './config.ts'
import { crossChecks, missingFiles } from './cross-checks.ts'
import { checkFeatures } from './feature-checks.ts'
import { readEnvironmentSource } from './environment-source.ts'
import { ConfigError, type ConfigProblem } from './problem.ts'
import { configSchema, type ConfigTree } from './schema.ts'
import { settle, toConfig } from './settle.ts'
import { allKeys, nearestKey } from './known-keys.ts'
import { isSection, mergeSources, originOf, type Origins, type Source } from './tree.ts'
import { readYamlSource } from './yaml-source.ts'

export type LoadedConfig = {
  readonly config: Config
  /** The effective configuration in the operators' names, file names absolute; for `config dump`. Holds secrets. */
  readonly tree: ConfigTree
  readonly origins: Origins
  readonly warnings: readonly ConfigProblem[]
  /** Files the configuration names that are not there: `init` may come before them, `serve` may not. */
  readonly missing: readonly ConfigProblem[]
}

/**
 * Reads the configuration files in order (later ones win), then the environment, checks all of it and freezes the
 * result. Throws ConfigError with every problem found.
 */
export function loadConfig(wanted: {
  readonly files: readonly string[]
  readonly environment: Readonly<Record<string, string | undefined>>
  /** Folder relative file names of the command line count from. */
  readonly folder: string
}): LoadedConfig {
  const paths = wanted.files.map((file) => resolve(wanted.folder, file))
  const files = paths.map((path) => readYamlSource(path, shownPath(wanted.folder, path)))
  const environment = readEnvironmentSource(wanted.environment)
  const sources: Source[] = [...files, environment]
  const { tree, origins } = mergeSources(sources)
  const problems = sources.flatMap((source) => source.problems)
  // What follows from a file that cannot be read at all would only hide the reason.
  if (files.some((file) => file.problems.length > 0)) throw new ConfigError(problems)
  if (!isSection(tree['node'])) tree['node'] ??= {}
  const reading = readShape(configSchema, tree)
  if (!reading.ok) {
    problems.push(...reading.problems.flatMap((problem) => explain(problem, origins)))
    throw new ConfigError(inOrder(problems, sources))
  }
  const folderOf = folders(paths, wanted.folder, origins)
  const settled = settle({ tree: reading.value, origins, folderOf })
  problems.push(...settled.problems)
  const config = toConfig(settled.tree, settled.secrets)
  const checked = crossChecks(config, origins)
  const features = checkFeatures(config, origins)
  problems.push(...checked.problems, ...features.problems)
  if (problems.length > 0) throw new ConfigError(inOrder(problems, sources))
  const warnings = [...environment.warnings, ...checked.warnings, ...features.warnings]
  const missing = missingFiles(config, origins)
  return { config: deepFreeze(config), tree: settled.tree, origins, warnings, missing }
}

/** As the operator would type it: relative when that is not longer. */
function shownPath(folder: string, path: string): string {
  const short = relative(folder, path)
  return short.length < path.length && !short.startsWith('..') ? short : path
}

/** Defaults and the environment count from the folder of the first file, as if they stood in it. */
function folders(
  paths: readonly string[],
  folder: string,
  origins: Origins,
): (key: string) => string {
  const first = paths[0] === undefined ? folder : dirname(paths[0])
  return (key) => {
    const origin = originOf(origins, key)
    return origin.type === 'file' ? dirname(resolve(folder, origin.file)) : first
  }
}

function explain(problem: ShapeProblem, origins: Origins): ConfigProblem[] {
  const key = formatPath(problem.path)
  if (problem.kind !== 'unknown-keys') {
    const value = problem.choices.length > 0 ? choiceNear(problem) : null
    return [{ origin: originOf(origins, key), key, message: problem.message, suggestion: value }]
  }
  return problem.keys.map((name) => {
    const unknown = key === '' ? name : `${key}.${name}`
    return {
      origin: originOf(origins, unknown),
      key: unknown,
      message: problem.message,
      suggestion: nearestKey(unknown, allKeys()),
    }
  })
}

/** A wrong choice is not repeated in messages, so that nothing is suggested but the one possible value. */
function choiceNear({ choices }: ShapeProblem): string | null {
  return choices.length === 1 ? (choices[0] ?? null) : null
}

/** Files in the order given, lines in theirs, the environment after them, what nobody wrote at the end. */
function inOrder(problems: readonly ConfigProblem[], sources: readonly Source[]): ConfigProblem[] {
  const files = sources.flatMap((source) =>
    [...source.origins.values()]
      .slice(0, 1)
      .map((origin) => (origin.type === 'file' ? origin.file : '')),
  )
  const rank = ({ origin }: ConfigProblem): number => {
    if (origin.type === 'file') return files.indexOf(origin.file) * 1_000_000 + origin.line
    return origin.type === 'environment' ? 1e12 : 1e13
  }
  return [...problems].sort((a, b) => rank(a) - rank(b))
}

function deepFreeze<T>(value: T): T {
  if (typeof value === 'object' && value !== null) {
    for (const member of Object.values(value)) deepFreeze(member)
    Object.freeze(value)
  }
  return value
}
