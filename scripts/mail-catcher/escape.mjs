// Text from a mail on its way into a page.
import { linksIn } from './read-mail.mjs'

const entities = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;', "'": '&#39;' }

/** For the content of elements and for quoted attributes. */
export function escapeHtml(text) {
  return String(text).replace(/[&<>"']/g, (character) => entities[character])
}

/** A text part with its web addresses as links that open in a new tab. */
export function linkify(text) {
  let html = ''
  let from = 0
  for (const { at, link } of linksIn(text)) {
    const shown = escapeHtml(link)
    html += escapeHtml(text.slice(from, at))
    html += `<a href="${shown}" target="_blank" rel="noopener noreferrer">${shown}</a>`
    from = at + link.length
  }
  return html + escapeHtml(text.slice(from))
}
