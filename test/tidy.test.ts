import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { checkTree, type Tree } from './tidy/check-tree.ts'
import { breaches, layerBreaches } from './tidy/breaches.ts'
import { readImports } from './tidy/source-text.ts'

const root = join(import.meta.dirname, '..')
const head = '/**\n * Owns: this.\n * Relies on: that.\n * Never: more.\n */\n'
const wholeTopLevel = (
  'src test scripts docs docker-compose.yml peers.example.json package.json package-lock.json ' +
  'tsconfig.json README.md LICENSE Dockerfile SECURITY.md CHANGELOG.md'
).split(' ')

function readTree(): Tree {
  const tree = new Map<string, string>()
  for (const folder of ['src', 'test', 'scripts']) {
    for (const entry of readdirSync(join(root, folder), { recursive: true, withFileTypes: true })) {
      if (!entry.isFile()) continue
      const path = join(entry.parentPath, entry.name)
      tree.set(path.slice(root.length + 1), readFileSync(path, 'utf8'))
    }
  }
  return tree
}

/** Complaints about one file of src/, with the head its folder needs. */
function complaintsAbout(path: string, text: string): string[] {
  return checkTree(new Map([[path, head + text]]), wholeTopLevel)
}

test('the tree keeps the rules of STYLE.md', () => {
  expect(checkTree(readTree(), readdirSync(root))).toEqual([])
})

describe('a planted breach is named:', () => {
  test.each(layerBreaches)('%s importing %s', (path, specifier, complaint) => {
    const forms = [
      `import { x } from '${specifier}'`,
      `import type { X } from '${specifier}'`,
      `export { x } from '${specifier}'\nexport const y = 1`,
      `import '${specifier}'`,
      `await import('${specifier}')`,
      `let x: import('${specifier}').X`,
    ]
    for (const form of forms) {
      expect(complaintsAbout(`src/${path}`, `${form}\n`).join('\n')).toContain(complaint)
    }
  })

  test.each(breaches)('%s', (_rule, path, text, complaint) => {
    expect(complaintsAbout(path, text).join('\n')).toContain(complaint)
  })

  test('a stray file beside src, and a missing one', () => {
    const names = wholeTopLevel
      .filter((name) => name !== 'LICENSE')
      .concat('notes.txt', '.ci', 'dist')
    expect(checkTree(new Map(), names)).toEqual([
      'notes.txt: not in the top level of STYLE.md',
      'LICENSE: missing from the top level',
    ])
  })

  test('a folder without a head, and a folder with two', () => {
    const tree = new Map([
      ['src/mesh/a.ts', 'export const a = 1\n'],
      ['src/log/b.ts', `${head}export const b = 1\n`],
      ['src/log/c.ts', `${head}export const c = 1\n`],
    ])
    expect(checkTree(tree, wholeTopLevel)).toEqual([
      'src/log: b.ts and c.ts all open with Owns, Relies on, Never',
      'src/mesh: no file opens with Owns, Relies on, Never',
    ])
  })

  test('a head that does not open its file', () => {
    const tree = new Map([['src/mesh/a.ts', `export const a = 1\n${head}`]])
    expect(checkTree(tree, wholeTopLevel)).toEqual([
      'src/mesh: no file opens with Owns, Relies on, Never',
    ])
  })
})

describe('what keeps the rules is left alone:', () => {
  const allowed: readonly [what: string, path: string, text: string][] = [
    [
      'the domain among itself',
      'src/domain/a.ts',
      "import { x } from './x.ts'\nimport { createHash } from 'node:crypto'\n",
    ],
    [
      'a feature with all it may use',
      'src/features/lookup/a.ts',
      "import '../../domain/x.ts'\nimport '../../platform/x.ts'\nimport '../../events.ts'\nimport '../../log/x.ts'\nimport '../../http/endpoint.ts'\nimport '../../matrix/x.ts'\nimport '../../storage/storage.ts'\nimport './b.ts'\n",
    ],
    [
      'the writer with its own store',
      'src/log/writer.ts',
      "import '../storage/index.ts'\nimport type { C } from '../config/config.ts'\nimport '../mesh/x.ts'\n",
    ],
    [
      'words in comments and strings',
      'src/mesh/a.ts',
      "// Date.now is the clock; import('x') too\nconst x = 'setTimeout(f)' + \"console.log\" + `fetch(a)` + /process.env|\\/new Date()/.source\n",
    ],
    ['a date from a number', 'src/mesh/a.ts', 'const t = new Date(atMs).toISOString()\n'],
    ['the clock in its room', 'src/platform/clock.ts', 'export const now = () => Date.now()\n'],
    [
      'methods named like timers',
      'src/mesh/a.ts',
      'clock.setTimeout(f, 5)\nclock.console.log(1)\n',
    ],
    [
      'a function of 70 lines',
      'src/mesh/a.ts',
      `export function f(): void {\n${'  step()\n'.repeat(68)}}\n`,
    ],
    ['a long table', 'src/mesh/a.ts', `export const t = {\n${'  a: 1,\n'.repeat(100)}}\n`],
  ]

  test.each(allowed)('%s', (_what, path, text) => {
    expect(complaintsAbout(path, text)).toEqual([])
  })
})

test('imports are read in every form they come in', () => {
  const text = [
    "import a from './a.ts'",
    "import type { B } from './b.ts'",
    "import {\n  c,\n  d,\n} from './c.ts'",
    "import './d.ts'",
    "export { e } from './e.ts'",
    "export type { F } from './f.ts'",
    "const g = await import('./g.ts')",
    "let h: import('./h.ts').H",
    'const i = import(`./i.ts`)',
    "// import './comment.ts'",
    "const from = 'no import here'",
    'const j = 4 / 2 // from "./not.ts"',
    "const k = /from '.\\/no.ts'/.test(from)",
    'import(name)',
    'import.meta.dirname',
  ].join('\n')
  const read = 'abcdefghi'.split('').map((name) => `./${name}.ts`)
  expect(readImports(text)).toEqual([...read, null])
})
