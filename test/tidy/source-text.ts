/** TypeScript read as far as a rule about text needs it: what is code, what is a comment, what a string says. */

export type SourceText = {
  /** The text with comments and the contents of strings, templates and regular expressions turned to spaces. */
  readonly code: string
  /** The text with everything but comments turned to spaces. */
  readonly comments: string
}

type Scan = { readonly text: string; at: number; code: string; comments: string; lastToken: string }

const blank = (text: string) => text.replace(/[^\n]/g, ' ')

/** Splits a source into code and comments; both keep every line and column of the original. */
export function readSource(text: string): SourceText {
  const scan: Scan = { text, at: 0, code: '', comments: '', lastToken: '' }
  readCode(scan, null)
  return { code: scan.code, comments: scan.comments }
}

/** The module specifiers of a source, `null` for an import() whose target is computed. */
export function readImports(text: string): (string | null)[] {
  const { code } = readSource(text)
  const found: (string | null)[] = []
  // In `code` a string is two quotes with spaces between; its words stand at the same place of the text.
  for (const match of code.matchAll(/(?<![.\w$])(?:from|import)\s*(\(\s*)?(?:(['"`])( *)\2)?/g)) {
    const [whole, parenthesis, quote, inside] = match
    const isCall = parenthesis !== undefined
    if (isCall && whole.startsWith('from')) continue
    const end = match.index + whole.length - 1
    if (inside !== undefined) found.push(text.slice(end - inside.length, end))
    else if (isCall && quote === undefined) found.push(null)
  }
  return found
}

function readCode(scan: Scan, until: string | null): void {
  let depth = 0
  while (scan.at < scan.text.length) {
    const char = scan.text[scan.at] as string
    if (depth === 0 && char === until) return
    if (readComment(scan)) continue
    if (char === '`') readTemplate(scan)
    else if (char === "'" || char === '"') readQuoted(scan, endOfQuoted(scan.text, scan.at))
    else if (char === '/' && startsRegex(scan.lastToken)) {
      readQuoted(scan, endOfRegex(scan.text, scan.at))
    } else {
      if (char === '{') depth += 1
      if (char === '}') depth -= 1
      if (/[\w$]/.test(char) && /[\w$]$/.test(scan.code)) scan.lastToken += char
      else if (char.trim() !== '') scan.lastToken = char
      copy(scan, char)
    }
  }
}

function readComment(scan: Scan): boolean {
  const { text, at } = scan
  let end = at
  if (text.startsWith('//', at) || (at === 0 && text.startsWith('#!'))) {
    end = text.indexOf('\n', at)
  } else if (text.startsWith('/*', at)) end = text.indexOf('*/', at + 2) + 2
  else return false
  if (end < at + 2) end = text.length
  scan.comments += text.slice(at, end)
  scan.code += blank(text.slice(at, end))
  scan.at = end
  return true
}

function readTemplate(scan: Scan): void {
  copy(scan, '`')
  while (scan.at < scan.text.length && scan.text[scan.at] !== '`') {
    if (scan.text.startsWith('${', scan.at)) {
      copy(scan, '${')
      scan.lastToken = '{'
      readCode(scan, '}')
      copy(scan, '}')
    } else hide(scan, scan.text[scan.at] === '\\' ? 2 : 1)
  }
  copy(scan, '`')
  scan.lastToken = '`'
}

function readQuoted(scan: Scan, end: number): void {
  const quote = scan.text[scan.at] as string
  copy(scan, quote)
  hide(scan, end - scan.at)
  copy(scan, scan.text[scan.at] ?? '')
  scan.lastToken = quote === '/' ? ')' : quote
}

function endOfQuoted(text: string, start: number): number {
  let at = start + 1
  while (at < text.length && text[at] !== text[start] && text[at] !== '\n') {
    at += text[at] === '\\' ? 2 : 1
  }
  return at
}

function endOfRegex(text: string, start: number): number {
  let at = start + 1
  let inClass = false
  while (at < text.length && text[at] !== '\n' && (inClass || text[at] !== '/')) {
    if (text[at] === '[') inClass = true
    if (text[at] === ']') inClass = false
    at += text[at] === '\\' ? 2 : 1
  }
  return at
}

/** A slash divides after a value, and opens a regular expression after anything else. */
function startsRegex(lastToken: string): boolean {
  if (/^(?:return|typeof|case|in|of|delete|void|throw|new|await|yield|else)$/.test(lastToken)) {
    return true
  }
  return lastToken === '' || /^[^\w$)\]}'"`]/.test(lastToken)
}

function copy(scan: Scan, chars: string): void {
  scan.code += chars
  scan.comments += blank(chars)
  scan.at += chars.length
}

function hide(scan: Scan, count: number): void {
  const hidden = blank(scan.text.slice(scan.at, scan.at + count))
  scan.code += hidden
  scan.comments += hidden
  scan.at += count
}
