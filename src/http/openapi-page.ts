import type { OpenApiDocument, Operation } from './openapi.ts'

/** The same description for people: one page that loads nothing and needs no script. */
export function openApiPage(document: OpenApiDocument): string {
  const rows = Object.entries(document.paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, operation]) => ({ path, method, operation })),
  )
  const sections = document.tags.flatMap(({ name, description }) => {
    const own = rows.filter(({ operation }) => operation.tags.includes(String(name)))
    if (own.length === 0) return []
    return [
      `<section><h2>${escape(String(name))}</h2><p>${escape(String(description))}</p>`,
      ...own.map(operationHtml),
      '</section>',
    ]
  })
  const title = escape(String(document.info['title']))
  return [
    '<!doctype html><html lang="en"><head><meta charset="utf-8">',
    '<meta name="viewport" content="width=device-width, initial-scale=1">',
    `<title>${title}</title><style>${style}</style></head><body><header><h1>${title}</h1>`,
    `<p>Mycelid ${escape(String(document.info['version']))} at <code>${escape(
      document.servers[0]?.url ?? '',
    )}</code>. For programs: <a href="openapi.json">openapi.json</a>.</p></header><main>`,
    ...sections,
    '</main></body></html>',
  ].join('\n')
}

function operationHtml(given: { path: string; method: string; operation: Operation }): string {
  const { path, method, operation } = given
  const access = operation.security.length > 0 ? '<small>access token</small>' : ''
  const parameters = (operation.parameters ?? []).map(
    ({ name, in: place, required, schema }) =>
      `<li><code>${escape(String(name))}</code> in the ${escape(String(place))}${
        required === true ? '' : ', optional'
      }${schemaHtml(schema)}</li>`,
  )
  return [
    `<details id="${escape(operation.operationId)}"><summary><b class="${escape(method)}">${escape(
      method.toUpperCase(),
    )}</b> <code>${escape(path).replaceAll('/', '/<wbr>')}</code> ${access}`,
    `<span>${escape(operation.summary)}</span></summary>`,
    parameters.length === 0 ? '' : `<h3>Parameters</h3><ul>${parameters.join('')}</ul>`,
    contentHtml('Body', operation.requestBody),
    ...Object.entries(operation.responses).map(([status, response]) =>
      status === '200'
        ? contentHtml('Answer', response)
        : `<p><b>${escape(status)}</b> ${escape(String(response['description']))}</p>`,
    ),
    '</details>',
  ].join('')
}

function contentHtml(title: string, holder: Readonly<Record<string, unknown>> | undefined): string {
  const content = holder?.['content']
  if (typeof content !== 'object' || content === null) return ''
  const entries = Object.entries(content as Record<string, { schema?: unknown; example?: unknown }>)
  const types = entries.map(([type]) => `<code>${escape(type)}</code>`).join(' or ')
  const [, first] = entries[0] ?? []
  const example = first?.example === undefined ? '' : `<h4>Example</h4>${jsonHtml(first.example)}`
  return `<h3>${title}</h3><p>${types}</p>${schemaHtml(first?.schema)}${example}`
}

function schemaHtml(schema: unknown): string {
  return schema === undefined ? '' : jsonHtml(schema)
}

function jsonHtml(value: unknown): string {
  return `<pre>${escape(JSON.stringify(value, null, 2))}</pre>`
}

const entities: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
}

function escape(text: string): string {
  return text.replaceAll(/[&<>"']/g, (character) => entities[character] ?? '')
}

const style = `
:root { color-scheme: light dark; --line: #8884; --soft: #8881; --link: light-dark(#0b5cad, #7db8f7) }
* { box-sizing: border-box }
body { margin: 0 auto; max-width: 60rem; padding: 1rem; font: 1rem/1.5 system-ui, sans-serif }
h1 { font-size: 1.6rem; line-height: 1.2 } h2 { margin-top: 2.5rem } h3 { margin: 1rem 0 .25rem; font-size: 1rem }
h4 { margin: .5rem 0 .25rem; font-size: .9rem }
a { color: var(--link) }
details { border: 1px solid var(--line); border-radius: .5rem; margin: .5rem 0; padding: 0 .75rem }
summary { cursor: pointer; padding: .6rem 0; overflow-wrap: anywhere }
summary span { display: block; opacity: .8 }
small { border: 1px solid var(--line); border-radius: 1rem; padding: 0 .5rem; white-space: nowrap }
b.get { color: light-dark(#0a6b3d, #6fd6a0) } b.post { color: light-dark(#0b5cad, #7db8f7) }
code, pre { font: .9em/1.45 ui-monospace, monospace }
pre { background: var(--soft); border-radius: .4rem; overflow-x: auto; padding: .6rem; margin: .25rem 0 .75rem }
`
