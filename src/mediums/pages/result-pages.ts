/**
 * Owns: the pages people see who followed the link of a mail.
 * Relies on: the port beside it.
 * Never: shows what the request said of itself: no sid, token, secret, brand or address stands in a page.
 */
import type { Pages, Templates } from '../medium.ts'

export function createPages({
  templates,
  serverName,
}: {
  readonly templates: Templates
  readonly serverName: string
}): Pages {
  return {
    validated: ({ medium, nextLink, ...audience }) =>
      templates.render('validated.html', audience, {
        server_name: serverName,
        medium,
        next_link: nextLink !== null && isWebLink(nextLink) ? nextLink : '',
      }).text,
    validationFailed: ({ medium, reason, ...audience }) =>
      templates.render('validation-failed.html', audience, {
        server_name: serverName,
        medium,
        reason,
      }).text,
  }
}

/** Written as browsers understand it, too: they skip spaces and control characters before a scheme. */
function isWebLink(link: string): boolean {
  return /^https?:\/\/[^\s\p{Cc}]+$/iu.test(link) && URL.canParse(link)
}
