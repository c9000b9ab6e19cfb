import {
  isAlias,
  isMap,
  isScalar,
  isSeq,
  LineCounter,
  parseDocument,
  type Document,
  type Node,
} from 'yaml'
import { readPublicFile, SecretFileError } from '../platform/secret-file.ts'
import type { ConfigProblem, Origin } from './problem.ts'
import type { Origins, Section, Source } from './tree.ts'

/** Sections within sections: the configuration has five levels. */
const depthMax = 16
/** Values of one file, aliases followed: what a hand writes has hundreds. */
const nodesMax = 20_000

/** Reads one configuration file (YAML 1.2) with the place of every value. Anything wrong is a problem, not an error. */
export function readYamlSource(file: string, shownAs: string): Source {
  let text: string
  try {
    text = readPublicFile(file).toString('utf8')
  } catch (error) {
    if (!(error instanceof SecretFileError)) throw error
    return failed(shownAs, error.message)
  }
  return parseYamlSource(text, shownAs)
}

export function parseYamlSource(text: string, shownAs: string): Source {
  const lines = new LineCounter()
  const document = parseDocument(text, { lineCounter: lines, prettyErrors: false })
  const reader = new Reader(document, lines, shownAs)
  for (const error of document.errors) reader.complain(error.pos[0], '', error.message)
  if (document.errors.length === 0) reader.readRoot()
  return reader.source()
}

function failed(file: string, message: string): Source {
  const origin: Origin = { type: 'file', file, line: 1, column: 1 }
  return {
    tree: {},
    origins: new Map(),
    problems: [{ origin, key: '', message, suggestion: null }],
  }
}

class Reader {
  readonly #document: Document
  readonly #lines: LineCounter
  readonly #file: string
  readonly #origins: Origins = new Map()
  readonly #problems: ConfigProblem[] = []
  #tree: Section = {}
  #nodes = 0

  constructor(document: Document, lines: LineCounter, file: string) {
    this.#document = document
    this.#lines = lines
    this.#file = file
  }

  source(): Source {
    return { tree: this.#tree, origins: this.#origins, problems: this.#problems }
  }

  complain(offset: number, key: string, message: string): void {
    this.#problems.push({ origin: this.#place(offset), key, message, suggestion: null })
  }

  readRoot(): void {
    const root = this.#document.contents
    if (root === null || (isScalar(root) && root.value === null)) return
    if (!isMap(root)) {
      this.complain(
        root.range?.[0] ?? 0,
        '',
        'expected sections such as "node:", got something else',
      )
      return
    }
    this.#tree = this.#value(root, '', 0) as Section
  }

  #place(offset: number): Origin {
    const { line, col } = this.#lines.linePos(offset)
    return { type: 'file', file: this.#file, line: Math.max(1, line), column: Math.max(1, col) }
  }

  /** `key` is the dotted name of the node; its place was noted by the caller, where its key stands. */
  #value(node: unknown, key: string, depth: number): unknown {
    if (isAlias(node)) {
      return this.#value(node.resolve(this.#document), key, depth + 1)
    }
    this.#nodes++
    if (this.#nodes > nodesMax || depth > depthMax) {
      if (this.#problems.length === 0) this.complain(0, key, 'nested too deep, or too many values')
      return null
    }
    if (isMap(node)) return this.#section(node.items, key, depth)
    if (isSeq(node)) {
      return node.items.map((item, index) => {
        const name = `${key}[${index}]`
        this.#note(name, item)
        return this.#value(item, name, depth + 1)
      })
    }
    return isScalar(node) ? node.value : null
  }

  #section(
    pairs: readonly { key: unknown; value: unknown }[],
    key: string,
    depth: number,
  ): Section {
    const section: Section = {}
    for (const pair of pairs) {
      const name = isScalar(pair.key) ? String(pair.key.value) : ''
      const path = key === '' ? name : `${key}.${name}`
      const offset = (pair.key as Node | null)?.range?.[0] ?? 0
      if (name === '' || name === '__proto__') {
        this.complain(offset, path, 'no key of a configuration')
        continue
      }
      this.#note(path, pair.key)
      section[name] = this.#value(pair.value, path, depth + 1)
    }
    return section
  }

  #note(path: string, node: unknown): void {
    this.#origins.set(path, this.#place((node as Node | null)?.range?.[0] ?? 0))
  }
}
