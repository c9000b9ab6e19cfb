import { languagesMax } from '../../domain/message-limits.ts'
import {
  MediumSetupError,
  type Audience,
  type RenderedTemplate,
  type TemplateName,
  type Templates,
} from '../medium.ts'
import { createCompiler, type CompiledTemplate, type Compiler } from './compile-template.ts'
import {
  folderName,
  readBuiltInFolders,
  readTemplateFolder,
  type TemplateFile,
} from './template-files.ts'

export type TemplatesOptions = {
  /** Folders of the templates that came with the product. */
  readonly builtInFolders: readonly string[]
  /** The operator's own. */
  readonly folder: string | null
  readonly defaultBrand: string | null
  /** For people whose languages are not known, or not served. */
  readonly defaultLanguage: string
}

/** The language every built-in template exists in. */
const lastLanguage = 'en'

type Found = { readonly run: CompiledTemplate; readonly language: string }

/** By `folder/name`, the folder as in template-files. */
type Shelf = ReadonlyMap<string, CompiledTemplate>

/**
 * Reads all templates and compiles the operator's; throws MediumSetupError with every problem, by file and line. Those
 * that came with the product are compiled when first needed: the start is quick, and the tests know that they are whole.
 */
export function loadTemplates(options: TemplatesOptions): Templates {
  const builtIn = readBuiltInFolders(options.builtInFolders)
  const compile = createCompiler(builtIn.frames)
  const problems: string[] = []
  const own = options.folder === null ? [] : readTemplateFolder(options.folder, problems)
  const shelves = {
    own: compileAll(compile, own, problems),
    builtIn: new Map(builtIn.files.map((file) => [keyOf(file), onFirstUse(compile, file)])),
  }
  if (problems.length > 0) throw new MediumSetupError(problems)
  return {
    render: (name, audience, variables): RenderedTemplate => {
      const { run, language } = find(shelves, options, name, audience)
      return run({ ...variables, language })
    },
  }
}

function compileAll(
  compile: Compiler,
  files: readonly TemplateFile[],
  problems: string[],
): Map<string, CompiledTemplate> {
  const compiled = new Map<string, CompiledTemplate>()
  for (const file of files) {
    try {
      compiled.set(keyOf(file), compile(file.name, file.source))
    } catch (error) {
      problems.push(`${file.path}, ${(error as Error).message}`)
    }
  }
  return compiled
}

function onFirstUse(compile: Compiler, { name, source }: TemplateFile): CompiledTemplate {
  let compiled: CompiledTemplate | null = null
  return (variables) => {
    compiled ??= compile(name, source)
    return compiled(variables)
  }
}

function keyOf({ folder, name }: TemplateFile): string {
  return `${folder}/${name}`
}

/**
 * Brand and language, brand, language, plain, built-in. The operator's default language stands behind those of the
 * person, so that a brand that exists in one language alone is still found.
 */
function find(
  { own, builtIn }: { own: Shelf; builtIn: Shelf },
  { defaultBrand, defaultLanguage }: TemplatesOptions,
  name: TemplateName,
  { brand, languages, isBuiltIn = false }: Audience & { readonly isBuiltIn?: boolean },
): Found {
  const wanted = foldersOf(languages)
  const fallback = foldersOf([defaultLanguage])
  const plainLanguage = defaultLanguage.toLowerCase()
  const places: [Shelf, string, string][] = []
  const add = (shelf: Shelf, prefix: string, among: readonly string[]): void => {
    for (const language of among) places.push([shelf, `${prefix}${language}`, language])
  }
  if (!isBuiltIn) {
    const folder = brandFolder(own, brand) ?? brandFolder(own, defaultBrand)
    if (folder !== null) {
      add(own, `${folder}/`, wanted)
      places.push([own, folder, plainLanguage])
      add(own, `${folder}/`, fallback)
    }
    add(own, '', wanted)
    places.push([own, '', plainLanguage])
    add(own, '', fallback)
  }
  add(builtIn, '', [...wanted, ...fallback, lastLanguage])
  for (const [shelf, folder, language] of places) {
    const run = shelf.get(`${folder}/${name}`)
    if (run !== undefined) return { run, language }
  }
  throw new Error(`there is no built-in template ${name}`)
}

/** A brand nobody has a folder for counts as none named. */
function brandFolder(own: Shelf, brand: string | null): string | null {
  const folder = brand === null ? null : folderName(brand)
  if (folder === null) return null
  for (const key of own.keys()) if (key.startsWith(`${folder}/`)) return folder
  return null
}

/** `de-AT` is looked for as that, and as `de`. */
function foldersOf(languages: readonly string[]): string[] {
  const folders = new Set<string>()
  for (const language of languages.slice(0, languagesMax)) {
    const folder = folderName(language)
    if (folder === null) continue
    folders.add(folder)
    folders.add(folder.split('-')[0] ?? folder)
  }
  return [...folders]
}
