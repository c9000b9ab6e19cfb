import { createRequire } from 'node:module'
import type { Liquid, Template } from 'liquidjs'
import { renderedCharsMax, renderMaxMs, templateCharsMax } from '../../domain/message-limits.ts'
import type { RenderedTemplate, TemplateName, TemplateVariables } from '../medium.ts'
import { sampleVariables, templateVariables } from './template-variables.ts'

export type CompiledTemplate = (variables: TemplateVariables) => RenderedTemplate

/** Makes of a source what renders it, or throws what is wrong with it, as `line N: …`. */
export type Compiler = (name: TemplateName, source: string) => CompiledTemplate

const subjectPattern = /^Subject:[ \t]*([^\r\n]*)/

/** `frames`: what built-in and operators' templates may take as their `layout` or `render`; nothing else can be. */
export function createCompiler(frames: Readonly<Record<string, string>>): Compiler {
  const html = once(() => createEngine({ templates: frames, outputEscape: 'escape' }))
  const text = once(() => createEngine({ templates: {} }))
  return (name, source) => {
    const subject = isMailPart(name) ? subjectPattern.exec(source) : null
    // The line stays, emptied, so that a complaint about what follows names the right one.
    const body = parse(
      name.endsWith('.html') ? html() : text(),
      name,
      source.replace(subject?.[0] ?? '', ''),
    )
    const head = subject === null ? null : parse(text(), name, subject[1] ?? '')
    const compiled: CompiledTemplate = (variables) => ({
      subject: head === null ? null : head(variables),
      text: subject === null ? body(variables) : body(variables).replace(/^\s+/, ''),
    })
    compiled(sampleVariables(name))
    return compiled
  }
}

function isMailPart(name: TemplateName): boolean {
  return name.startsWith('invite.') || name.startsWith('validation.')
}

function once<T>(make: () => T): () => T {
  let made: T | undefined
  return () => (made ??= make())
}

/** Read when the first template is compiled, at once and not awaited, as rendering is: it would slow every start. */
const loadLiquid = once(
  () => (createRequire(import.meta.url)('liquidjs') as { Liquid: typeof Liquid }).Liquid,
)

function createEngine(options: ConstructorParameters<typeof Liquid>[0]): Liquid {
  const LiquidEngine = loadLiquid()
  const engine = new LiquidEngine({
    ...options,
    strictFilters: true,
    // Members of prototypes are no variables: {{ token.constructor }} is nothing.
    ownPropertyOnly: true,
    // What is not known is the empty text, and `if` takes that for a no.
    jsTruthy: true,
    parseLimit: templateCharsMax,
    renderLimit: renderMaxMs,
    memoryLimit: renderedCharsMax,
  })
  engine.registerFilter('safe', { raw: true, handler: (value: unknown) => value })
  engine.registerFilter('urlencode', (value: unknown) =>
    typeof value === 'string' ? encodeURIComponent(value) : '',
  )
  return engine
}

function parse(
  engine: Liquid,
  name: TemplateName,
  source: string,
): (variables: TemplateVariables) => string {
  const template = tellingLine(() => {
    const parsed = engine.parse(source)
    requireKnownVariables(engine, name, parsed)
    return parsed
  })
  return (variables) => {
    const text = tellingLine(() => String(engine.renderSync(template, variables)))
    if (text.length > renderedCharsMax) throw new Error('line 1: it renders to more than allowed')
    return text
  }
}

function requireKnownVariables(engine: Liquid, name: TemplateName, parsed: Template[]): void {
  // Frames are ours; one that does not exist is found when the template is tried, with its line.
  const { globals } = engine.analyzeSync(parsed, { partials: false })
  for (const [variable, uses] of Object.entries(globals)) {
    if (templateVariables[name].includes(variable)) continue
    const known = templateVariables[name].join(', ')
    const line = uses[0]?.location.row ?? 1
    throw new Error(`line ${line}: there is no variable "${variable}" here, only ${known}`)
  }
}

/** The library's own messages quote the source over several lines; a place and the first sentence are enough. */
function tellingLine<T>(run: () => T): T {
  try {
    return run()
  } catch (error) {
    const { message } = error as Error
    if (message.startsWith('line ')) throw error
    const line = /, line:(\d+)/.exec(message)?.[1] ?? '1'
    const said = message
      .replace(/, (?:file|line):[\s\S]*$/, '')
      .replace(/^ENOENT: Failed to lookup (".*") in .*$/, 'there is no frame $1')
    throw new Error(`line ${line}: ${said}`, { cause: error })
  }
}
