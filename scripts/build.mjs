#!/usr/bin/env node
// Compiles src/ into dist/ and copies what is not TypeScript beside it. The whole of src/ is hashed first, and
// nothing is done when dist/ was made from the same bytes. A failed build leaves the former dist/ as it was:
// the compiler writes into a folder of its own, whose files are then moved over one by one.
import { spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import {
  chmodSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

const root = dirname(dirname(fileURLToPath(import.meta.url)))
const sourceDir = join(root, 'src')
const outDir = join(root, 'dist')
const recordFile = join(outDir, '.build.json')

function filesBelow(dir) {
  if (!existsSync(dir)) return []
  return readdirSync(dir, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name).slice(dir.length + 1))
    .sort()
}

function fingerprint(sources) {
  const hash = createHash('sha256')
  const compiler = createRequire(import.meta.url)('typescript/package.json').version
  hash.update(`${compiler}\0`)
  for (const file of ['tsconfig.json', 'package-lock.json', 'scripts/build.mjs']) {
    hash.update(`${file}\0`).update(readFileSync(join(root, file)))
  }
  for (const file of sources) hash.update(`\0${file}\0`).update(readFileSync(join(sourceDir, file)))
  return hash.digest('hex')
}

function isUpToDate(print) {
  if (!existsSync(recordFile)) return false
  const record = JSON.parse(readFileSync(recordFile, 'utf8'))
  return record.print === print && record.files.every((file) => existsSync(join(outDir, file)))
}

function compile(into) {
  const tsc = join(root, 'node_modules', 'typescript', 'bin', 'tsc')
  const options = ['-p', 'tsconfig.json', '--outDir', into, '--noEmitOnError', '--pretty']
  const { status, error } = spawnSync(process.execPath, [tsc, ...options], {
    cwd: root,
    stdio: 'inherit',
  })
  if (error) throw error
  return status ?? 1
}

function copyAssets(sources, into) {
  for (const file of sources.filter((name) => !name.endsWith('.ts'))) {
    mkdirSync(dirname(join(into, file)), { recursive: true })
    copyFileSync(join(sourceDir, file), join(into, file))
  }
}

function moveOver(from) {
  const files = filesBelow(from)
  for (const file of files) {
    mkdirSync(dirname(join(outDir, file)), { recursive: true })
    renameSync(join(from, file), join(outDir, file))
  }
  const current = new Set(files)
  for (const file of filesBelow(outDir)) {
    if (!current.has(file) && file !== '.build.json') rmSync(join(outDir, file))
  }
  return files
}

function build() {
  const sources = filesBelow(sourceDir)
  const print = fingerprint(sources)
  if (isUpToDate(print)) return 0
  // Beside dist/, at the same depth: the source maps name their sources relative to it.
  const next = join(root, `.dist-${process.pid}`)
  try {
    const status = compile(next)
    if (status !== 0) return status
    copyAssets(sources, next)
    if (existsSync(join(next, 'main.js'))) chmodSync(join(next, 'main.js'), 0o755)
    const files = moveOver(next)
    writeFileSync(recordFile, JSON.stringify({ print, files }))
    return 0
  } finally {
    rmSync(next, { recursive: true, force: true })
  }
}

process.exitCode = build()
