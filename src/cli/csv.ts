/** Fields of one physical line: quoted or plain, commas between; quotes inside quotes are doubled. */
export function parseCsvLine(text: string): readonly string[] | null {
  const fields: string[] = []
  let position = 0
  for (;;) {
    if (text[position] === '"') {
      const end = closingQuote(text, position + 1)
      if (end < 0 || (end + 1 < text.length && text[end + 1] !== ',')) return null
      fields.push(text.slice(position + 1, end).replaceAll('""', '"'))
      position = end + 1
    } else {
      const comma = text.indexOf(',', position)
      const end = comma < 0 ? text.length : comma
      const field = text.slice(position, end)
      if (field.includes('"')) return null
      fields.push(field.trim())
      position = end
    }
    if (position >= text.length) return fields
    position++
  }
}

function closingQuote(text: string, from: number): number {
  for (let at = text.indexOf('"', from); at >= 0; at = text.indexOf('"', at)) {
    if (text[at + 1] !== '"') return at
    at += 2
  }
  return -1
}
