/**
 * The rules of STYLE.md that a machine can hold, as one function from files to complaints. It knows nothing of
 * disks, so that the test can plant a breach of each rule and see it named.
 */
import { posix } from 'node:path'
import { isRegistry, mayImport, mayImportModule, roomOf } from './layers.ts'
import { readImports, readSource } from './source-text.ts'

/** Path from the repository's root, with slashes, to the text of the file. */
export type Tree = ReadonlyMap<string, string>

const topLevel = [
  ...['src', 'test', 'scripts', 'docs', 'docker-compose.yml', 'peers.example.json'],
  ...['package.json', 'package-lock.json', 'tsconfig.json', 'README.md', 'LICENSE', 'Dockerfile'],
  ...['SECURITY.md', 'CHANGELOG.md'],
]
/** What building and installing leave behind; never committed, so no part of the layout. */
const leftovers = ['node_modules', 'dist', 'coverage']

const fileLinesMax = 300
const functionLinesMax = 70
const forbiddenNames = [
  'util',
  'utils',
  'helper',
  'helpers',
  'common',
  'manager',
  'service',
].concat(['services', 'data', 'info'])
const leftToDo = new RegExp(
  `\\b(?:${['TO' + 'DO', 'FIX' + 'ME', 'XX' + 'X', 'HA' + 'CK'].join('|')})\\b`,
)

/** What only src/platform may reach for: the clock, chance, the net, the environment and the terminal. */
const outsideWorld: readonly (readonly [string, RegExp])[] = [
  ['Date.now', /\bDate\s*\.\s*now\b/],
  ['new Date()', /\bnew\s+Date\s*(?!\s*\(\s*[^\s)])/],
  ['performance.now', /\bperformance\s*\.\s*now\b/],
  ['process.hrtime', /\bprocess\s*\.\s*hrtime\b/],
  ['a timer', /(?<![.\w])(?:setTimeout|setInterval|setImmediate)\s*\(/],
  ['AbortSignal.timeout', /\bAbortSignal\s*\.\s*timeout\b/],
  ['Math.random', /\bMath\s*\.\s*random\b/],
  ['fetch', /(?<![.\w])fetch\s*\(/],
  ['process.env', /\bprocess\s*\.\s*env\b/],
  ['globalThis', /\bglobalThis\b/],
  ['console', /(?<![.\w])console\s*\./],
]
const outsideModules = ['node:timers', 'node:timers/promises', 'timers', 'timers/promises']

/** Every breach as `path: what is wrong`, in the order of the paths; an empty list is a tidy tree. */
export function checkTree(files: Tree, topLevelNames: readonly string[]): string[] {
  const complaints = checkTopLevel(topLevelNames)
  for (const [path, text] of [...files].sort(([a], [b]) => (a < b ? -1 : 1))) {
    complaints.push(...checkFile(path, text).map((complaint) => `${path}: ${complaint}`))
  }
  return complaints.concat(checkFolderHeads(files))
}

function checkTopLevel(names: readonly string[]): string[] {
  const present = names.filter((name) => !name.startsWith('.') && !leftovers.includes(name))
  return [
    ...present
      .filter((name) => !topLevel.includes(name))
      .map((name) => `${name}: not in the top level of STYLE.md`),
    ...topLevel
      .filter((name) => !present.includes(name))
      .map((name) => `${name}: missing from the top level`),
  ]
}

function checkFile(path: string, text: string): string[] {
  const complaints = checkName(path)
  if (!/\.(?:ts|mjs)$/.test(path)) return complaints
  complaints.push(...checkText(path, text))
  if (!path.startsWith('src/')) return complaints
  const inner = path.slice('src/'.length)
  return complaints.concat(
    checkImports(inner, text),
    checkBarrel(inner, text),
    checkWorld(inner, text),
  )
}

function checkName(path: string): string[] {
  const complaints: string[] = []
  for (const part of path.split('/')) {
    const words = part.replace(/(?:\.(?:test|config|all|d))?\.[a-z]+$/, '')
    if (!/^[a-z0-9]+(?:-[a-z0-9]+)*$/.test(words)) complaints.push(`"${part}" is not kebab-case`)
    const last = words.split('-').at(-1) ?? ''
    if (forbiddenNames.includes(last)) complaints.push(`"${last}" is a name that says nothing`)
  }
  return complaints
}

function checkText(path: string, text: string): string[] {
  const complaints: string[] = []
  const { code, comments } = readSource(text)
  if (leftToDo.test(comments)) complaints.push('a note of work left to do')
  if (!path.startsWith('test/')) {
    const lineCount = text.split('\n').length - 1
    if (lineCount >= fileLinesMax)
      complaints.push(`${lineCount} lines, ${fileLinesMax} is too many`)
    for (const { line, lines } of functionsOf(code)) {
      if (lines <= functionLinesMax) continue
      complaints.push(
        `the function at line ${line} has ${lines} lines, at most ${functionLinesMax}`,
      )
    }
  }
  const exported = code.matchAll(
    /^export\s+(?:default\s+)?(?:async\s+)?(?:class|function|const|type|interface)\s+([\w$]+)/gm,
  )
  for (const [, name = ''] of exported) {
    const last =
      name
        .split(/(?=[A-Z])/)
        .at(-1)
        ?.toLowerCase() ?? ''
    if (forbiddenNames.includes(last)) complaints.push(`"${name}" ends in a word that says nothing`)
  }
  return complaints
}

function checkImports(path: string, text: string): string[] {
  const room = roomOf(path)
  if (room === null) return ['STYLE.md has no room for this file']
  const complaints: string[] = []
  for (const specifier of readImports(text)) {
    if (specifier === null) complaints.push('an import whose target cannot be read')
    else if (specifier.startsWith('.')) {
      const target = posix.join(posix.dirname(path), specifier)
      const to = roomOf(target)
      if (to === null) complaints.push(`imports "${specifier}", which is no room of src`)
      else if (!mayImport(room, to))
        complaints.push(`${room} may not import ${to} ("${specifier}")`)
    } else if (!mayImportModule(room, specifier)) {
      complaints.push(`${room} may not import the module "${specifier}"`)
    } else if (room !== 'platform' && outsideModules.includes(specifier)) {
      complaints.push(`"${specifier}" belongs to platform`)
    }
  }
  return complaints
}

function checkBarrel(path: string, text: string): string[] {
  if (posix.basename(path) === 'index.ts' && !isRegistry(path)) {
    return ['index.ts is for registries alone']
  }
  const { code } = readSource(text)
  if (/^\s*export\s*(?:type\s*)?\*/m.test(code)) return ['export * makes a barrel']
  const reexports = /^export\s+(?:type\s+)?\{[^}]*\}\s*from\s*['"] *['"];?$/gm
  if (!reexports.test(code)) return []
  const rest = code.replace(reexports, '').replace(/^import\b[^'"]*['"] *['"];?$/gm, '')
  return rest.trim() === '' ? ['a file that only re-exports is a barrel'] : []
}

function checkWorld(path: string, text: string): string[] {
  if (path.startsWith('platform/')) return []
  const { code } = readSource(text)
  return outsideWorld
    .filter(([, pattern]) => pattern.test(code))
    .map(([name]) => `${name} belongs to platform`)
}

/**
 * Exactly one file of each folder of src/ opens with what the folder owns, relies on and never does. The files
 * directly in src/ are rooms of their own and need no such head.
 */
function checkFolderHeads(files: Tree): string[] {
  const heads = new Map<string, string[]>()
  for (const [path, text] of files) {
    if (!path.startsWith('src/') || !path.endsWith('.ts')) continue
    const folder = posix.dirname(path)
    if (folder === 'src') continue
    const found = heads.get(folder) ?? []
    heads.set(folder, found)
    if (opensWithHead(text)) found.push(posix.basename(path))
  }
  const complaints: string[] = []
  for (const [folder, found] of [...heads].sort(([a], [b]) => (a < b ? -1 : 1))) {
    if (found.length === 0) complaints.push(`${folder}: no file opens with Owns, Relies on, Never`)
    if (found.length > 1) {
      complaints.push(
        `${folder}: ${found.sort().join(' and ')} all open with Owns, Relies on, Never`,
      )
    }
  }
  return complaints
}

function opensWithHead(text: string): boolean {
  const opening = /^(?:#![^\n]*\n)?\s*(?:\/\*[\s\S]*?\*\/|(?:\/\/[^\n]*\n)+)/.exec(text)?.[0] ?? ''
  const words = ['Owns:', 'Relies on:', 'Never:'].map((word) => opening.indexOf(word))
  return words.every((at, position) => at > (words[position - 1] ?? -1))
}

/** Functions with a body of lines. Relies on prettier: a body closes at the indentation its head began at. */
function functionsOf(code: string): { line: number; lines: number }[] {
  const lines = code.split('\n')
  const found: { line: number; lines: number }[] = []
  lines.forEach((text, at) => {
    if (!text.trimEnd().endsWith('{')) return
    const indent = indentOf(text)
    const sameDepth = (other: string) => other.trim() !== '' && indentOf(other) <= indent
    let start = at
    if (/^\s*[)}\]]/.test(text)) {
      start = lines.findLastIndex((other, index) => index < at && sameDepth(other))
    }
    if (!opensFunction(lines.slice(start, at + 1).join(' '))) return
    const end = lines.findIndex((other, index) => index > at && sameDepth(other))
    found.push({ line: start + 1, lines: (end === -1 ? lines.length : end) - start + 1 })
  })
  return found
}

function opensFunction(head: string): boolean {
  if (/\bfunction\b/.test(head) || /=>\s*\{\s*$/.test(head)) return true
  const method =
    /^\s*(?:(?:async|static|get|set|override|private|protected)\s+|\*)*([#\w$]+)\s*(?:<[^(]*>)?\(/
  const name = method.exec(head)?.[1]
  return name !== undefined && !/^(?:if|for|while|switch|catch|with|return|await)$/.test(name)
}

function indentOf(line: string): number {
  return line.length - line.trimStart().length
}
