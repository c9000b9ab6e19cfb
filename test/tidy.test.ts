import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { checkTree, type Tree } from './tidy/check-tree.ts'
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
  const long = (lines: number) => '  step()\n'.repeat(lines)
  const breaches: readonly [rule: string, path: string, text: string, complaint: string][] = [
    [
      'domain reaching up',
      'src/domain/a.ts',
      "import { x } from '../log/x.ts'\n",
      'domain may not import log ("../log/x.ts")',
    ],
    [
      'domain reaching for platform',
      'src/domain/a.ts',
      "import { x } from '../platform/x.ts'\n",
      'domain may not import platform',
    ],
    [
      'platform knowing the domain',
      'src/platform/a.ts',
      "import type { X } from '../domain/x.ts'\n",
      'platform may not import domain',
    ],
    [
      'mesh reaching for the store',
      'src/mesh/a.ts',
      "import { x } from '../storage/storage.ts'\n",
      'mesh may not import port:storage',
    ],
    [
      'mesh with a library',
      'src/mesh/a.ts',
      "import x from 'p-queue'\n",
      'mesh may not import the module "p-queue"',
    ],
    [
      'domain reading files',
      'src/domain/a.ts',
      "import { readFileSync } from 'node:fs'\n",
      'domain may not import the module "node:fs"',
    ],
    [
      'log naming an engine',
      'src/log/a.ts',
      "import { x } from '../storage/sqlite/x.ts'\n",
      'log may not import adapter:storage/sqlite',
    ],
    [
      'a feature using another',
      'src/features/lookup/a.ts',
      "import { x } from '../binding/x.ts'\n",
      'feature:lookup may not import feature:binding',
    ],
    [
      'a feature using an adapter',
      'src/features/lookup/a.ts',
      "import('../../storage/sqlite/x.ts')\n",
      'feature:lookup may not import adapter:storage/sqlite',
    ],
    [
      'a feature past the endpoint',
      'src/features/lookup/a.ts',
      "import { x } from '../../http/body.ts'\n",
      'feature:lookup may not import http',
    ],
    [
      'an adapter using another port',
      'src/storage/sqlite/a.ts',
      "import type { M } from '../../mediums/medium.ts'\n",
      'adapter:storage/sqlite may not import port:mediums',
    ],
    [
      'an adapter using its registry',
      'src/storage/sqlite/a.ts',
      "export { x } from '../index.ts'\nexport const y = 1\n",
      'adapter:storage/sqlite may not import registry:storage',
    ],
    [
      'an adapter using a neighbour',
      'src/storage/sqlite/a.ts',
      "import { x } from '../postgres/x.ts'\n",
      'adapter:storage/sqlite may not import adapter:storage/postgres',
    ],
    [
      'a registry using a foreign adapter',
      'src/storage/index.ts',
      "import { x } from '../mediums/email/x.ts'\n",
      'registry:storage may not import adapter:mediums/email',
    ],
    [
      'a port using its adapter',
      'src/storage/storage.ts',
      "import { x } from './sqlite/x.ts'\n",
      'port:storage may not import adapter:storage/sqlite',
    ],
    [
      'http knowing features',
      'src/http/a.ts',
      "import { x } from '../features/lookup/x.ts'\n",
      'http may not import feature:lookup',
    ],
    [
      'matrix reaching for http',
      'src/matrix/a.ts',
      "import { x } from '../http/x.ts'\n",
      'matrix may not import http',
    ],
    [
      'events reaching for log',
      'src/events.ts',
      "import { x } from './log/x.ts'\n",
      'events may not import log',
    ],
    [
      'config reaching for an adapter',
      'src/config/a.ts',
      "import { x } from '../storage/sqlite/x.ts'\n",
      'config may not import adapter:storage/sqlite',
    ],
    [
      'replication reaching for an engine',
      'src/replication/a.ts',
      "await import('../storage/index.ts')\n",
      'replication may not import registry:storage',
    ],
    [
      'the writer reaching for replication',
      'src/log/writer.ts',
      "import { x } from '../replication/x.ts'\n",
      'writer may not import replication',
    ],
    [
      'node knowing its commands',
      'src/node.ts',
      "import { x } from './cli/x.ts'\n",
      'node may not import cli',
    ],
    [
      'cli knowing main',
      'src/cli/a.ts',
      "import { x } from '../main.ts'\n",
      'cli may not import main',
    ],
    [
      'an import into the tests',
      'src/cli/a.ts',
      "import { x } from '../../test/x.ts'\n",
      'is no room of src',
    ],
    [
      'an import that cannot be read',
      'src/cli/a.ts',
      'await import(name)\n',
      'an import whose target cannot be read',
    ],
    [
      'a room nobody planned',
      'src/extras/a.ts',
      'export const x = 1\n',
      'STYLE.md has no room for this file',
    ],
    [
      'a feature without a folder',
      'src/features/a.ts',
      'export const x = 1\n',
      'STYLE.md has no room for this file',
    ],
    ['a long file', 'src/mesh/a.ts', 'x\n'.repeat(300), 'lines, 300 is too many'],
    [
      'a long function',
      'src/mesh/a.ts',
      `export function f(\n  a: A,\n): B {\n${long(67)}}\n`,
      'the function at line 6 has 71 lines',
    ],
    [
      'a long method',
      'src/mesh/a.ts',
      `class A {\n  async #f(a: A): Promise<B> {\n${long(70).replaceAll('  s', '    s')}  }\n}\n`,
      'the function at line 7 has 72 lines',
    ],
    [
      'a long arrow',
      'src/mesh/a.ts',
      `const f = (a: A) => {\n${long(69)}}\n`,
      'the function at line 6 has 71 lines',
    ],
    [
      'a name that says nothing',
      'src/mesh/peer-utils.ts',
      'export const x = 1\n',
      '"utils" is a name that says nothing',
    ],
    [
      'a folder that says nothing',
      'src/storage/common/a.ts',
      'export const x = 1\n',
      '"common" is a name that says nothing',
    ],
    [
      'an export that says nothing',
      'src/mesh/a.ts',
      'export class PeerManager {}\n',
      '"PeerManager" ends in a word that says nothing',
    ],
    [
      'a name in camel case',
      'src/mesh/peerList.ts',
      'export const x = 1\n',
      '"peerList.ts" is not kebab-case',
    ],
    [
      'an index that is no registry',
      'src/mesh/index.ts',
      'export const x = 1\n',
      'index.ts is for registries alone',
    ],
    [
      'a barrel of everything',
      'src/mesh/a.ts',
      "export * from './b.ts'\n",
      'export * makes a barrel',
    ],
    [
      'a barrel by name',
      'src/mesh/a.ts',
      "export { b } from './b.ts'\n",
      'a file that only re-exports is a barrel',
    ],
    ['work left to do', 'src/mesh/a.ts', '// TO' + 'DO: the rest\n', 'a note of work left to do'],
    ['the wall clock', 'src/mesh/a.ts', 'const t = Date.now()\n', 'Date.now belongs to platform'],
    [
      'the date of today',
      'src/mesh/a.ts',
      'const t = new Date()\n',
      'new Date() belongs to platform',
    ],
    ['a timer', 'src/cli/a.ts', 'setTimeout(f, 5)\n', 'a timer belongs to platform'],
    [
      'a timer by import',
      'src/cli/a.ts',
      "import { setTimeout as pause } from 'node:timers/promises'\n",
      '"node:timers/promises" belongs to platform',
    ],
    [
      'a timer in a signal',
      'src/cli/a.ts',
      'AbortSignal.timeout(5)\n',
      'AbortSignal.timeout belongs to platform',
    ],
    ['chance', 'src/mesh/a.ts', 'const x = Math.random()\n', 'Math.random belongs to platform'],
    ['the net', 'src/matrix/a.ts', 'await fetch(url)\n', 'fetch belongs to platform'],
    [
      'the environment',
      'src/config/a.ts',
      'const x = process.env.HOME\n',
      'process.env belongs to platform',
    ],
    ['the terminal', 'src/cli/a.ts', "console.log('x')\n", 'console belongs to platform'],
    [
      'the clock inside a template',
      'src/mesh/a.ts',
      'const x = `at ${Date.now()}`\n',
      'Date.now belongs to platform',
    ],
  ]

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
