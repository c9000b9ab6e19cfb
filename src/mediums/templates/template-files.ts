import { readdirSync, realpathSync } from 'node:fs'
import { join, sep } from 'node:path'
import { templateFoldersMax } from '../../domain/message-limits.ts'
import { readPublicFile } from '../../platform/secret-file.ts'
import { templateNames, type TemplateName } from '../medium.ts'

/** A file found: `folder` is '', 'acme', 'fr' or 'acme/fr', in lower case. */
export type TemplateFile = {
  readonly folder: string
  readonly name: TemplateName
  readonly path: string
  readonly source: string
}

export type BuiltInFiles = {
  readonly frames: Readonly<Record<string, string>>
  readonly files: readonly TemplateFile[]
}

const folderPattern = /^[0-9A-Za-z_-]{1,64}$/
const depthMax = 2

/** A brand or language as folders are named by it, null when it cannot be one. */
export function folderName(text: string): string | null {
  return folderPattern.test(text) ? text.toLowerCase() : null
}

/**
 * Templates of an operator: in the folder itself, in those of brands or languages, and in those of a brand's
 * languages. Other files are not looked at. Links are followed within the folder, as container platforms mount files.
 */
export function readTemplateFolder(root: string, problems: string[]): TemplateFile[] {
  let inside: string
  try {
    inside = realpathSync(root) + sep
  } catch {
    problems.push(`${root}: is no folder that can be read`)
    return []
  }
  const files: TemplateFile[] = []
  const folders = ['']
  for (const folder of folders) {
    if (folders.length > templateFoldersMax) {
      problems.push(`${root}: has more than ${templateFoldersMax} folders of brands and languages`)
      break
    }
    const path = join(root, folder)
    for (const entry of entriesOf(path, problems)) {
      const file = join(path, entry)
      if (isTemplateName(entry)) {
        const source = readInside(file, inside, problems)
        if (source === null) continue
        files.push({ folder: folder.toLowerCase(), name: entry, path: file, source })
      } else if (folderPattern.test(entry) && depthOf(folder) < depthMax && isFolder(file)) {
        folders.push(folder === '' ? entry : `${folder}/${entry}`)
      }
    }
  }
  return files
}

/**
 * What came with the product, of the folders given: `<language>/validation-html.liquid` stands for
 * validation.html, and `.liquid` files beside the languages are frames.
 */
export function readBuiltInFolders(roots: readonly string[]): BuiltInFiles {
  const frames: Record<string, string> = {}
  const files: TemplateFile[] = []
  for (const root of roots) {
    for (const entry of readdirSync(root, { withFileTypes: true })) {
      const path = join(root, entry.name)
      if (entry.isDirectory()) files.push(...builtInOf(path, entry.name))
      else if (entry.name.endsWith('.liquid')) {
        frames[entry.name.slice(0, -'.liquid'.length)] = readPublicFile(path).toString()
      }
    }
  }
  return { frames, files }
}

function builtInOf(root: string, language: string): TemplateFile[] {
  return readdirSync(root).map((entry) => {
    const name = entry.replace(/-(txt|html)\.liquid$/, '.$1')
    if (!isTemplateName(name)) throw new Error(`${entry} is no template`)
    const path = join(root, entry)
    return { folder: language, name, path, source: readPublicFile(path).toString() }
  })
}

function entriesOf(path: string, problems: string[]): string[] {
  try {
    return readdirSync(path).sort()
  } catch {
    problems.push(`${path}: cannot be read`)
    return []
  }
}

function isFolder(path: string): boolean {
  try {
    readdirSync(path)
    return true
  } catch {
    return false
  }
}

function readInside(path: string, inside: string, problems: string[]): string | null {
  try {
    if (!realpathSync(path).startsWith(inside)) {
      problems.push(`${path}: is a link out of the templates folder`)
      return null
    }
    return readPublicFile(path).toString()
  } catch (error) {
    problems.push(`${path}: ${(error as Error).message}`)
    return null
  }
}

function depthOf(folder: string): number {
  return folder === '' ? 0 : folder.split('/').length
}

function isTemplateName(name: string): name is TemplateName {
  return (templateNames as readonly string[]).includes(name)
}
