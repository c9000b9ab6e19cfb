// A mail as its reader sees it, out of the bytes that were sent.
import { simpleParser } from 'mailparser'

const shownMax = 50
const linksMax = 20

/** `to` are the recipients of the envelope, who got it whatever the header says. */
export async function readMail(raw, to) {
  const parsed = await simpleParser(raw, { skipHtmlToText: true, skipTextToHtml: true })
  const html = parsed.html === false ? null : (parsed.html ?? null)
  const text = parsed.text ?? null
  return {
    from: (parsed.from?.value ?? []).map(writeMailbox).join(', '),
    to: to.slice(0, shownMax),
    subject: parsed.subject ?? '',
    text,
    html,
    links: linksIn(text ?? '')
      .slice(0, linksMax)
      .map(({ link }) => link),
    headers: parsed.headerLines.map(({ line }) => line),
    attachments: parsed.attachments
      .slice(0, shownMax)
      .map(({ filename, contentType, size }) => ({ name: filename ?? '', contentType, size })),
    bytes: raw.length,
  }
}

function writeMailbox({ name, address }) {
  return name ? `${name} <${address}>` : address
}

/** The web addresses in a text and where they begin. What ends a sentence does not belong to an address. */
export function linksIn(text) {
  return [...text.matchAll(/https?:\/\/[^\s<>"'`\\^{|}]+/gi)].map((found) => ({
    at: found.index,
    link: found[0].replace(/[.,;:!?)\]]+$/, ''),
  }))
}
