// What a person sees: the list of mails beside the one that is read; on a phone one after the other.
import { escapeHtml, linkify } from './escape.mjs'

/** `opened` is a mail or null; `isStart` tells the list's own page, where the newest mail stands beside it. */
export function renderPage({ mails, opened, isStart, nonce }) {
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>${escapeHtml(isStart ? `Mail catcher (${mails.length})` : titleOf(opened))}</title>
<link rel="icon" href="data:,">
<link rel="stylesheet" href="/page.css">
<script src="/page.js" nonce="${nonce}" defer></script>
${isStart ? '<noscript><meta http-equiv="refresh" content="5"></noscript>' : ''}
</head>
<body class="${isStart ? 'start' : 'reading'}" data-newest="${mails[0]?.id ?? 0}">
<nav aria-label="Mails">
<header>
<h1><a href="/">Mail catcher</a></h1>
<p>Takes every mail, delivers none, forgets all when it ends.</p>
</header>
${renderList(mails, opened)}
</nav>
<main>
${opened === null ? renderNothing(isStart) : renderMail(opened)}
</main>
</body>
</html>
`
}

function titleOf(mail) {
  return mail === null ? 'No such mail' : mail.subject || 'No subject'
}

function renderList(mails, opened) {
  if (mails.length === 0) return '<p class="empty">No mail yet. This page looks by itself.</p>'
  const rows = mails.map(
    (mail) => `<li><a href="/mails/${mail.id}"${mail === opened ? ' aria-current="page"' : ''}>
<span class="to">${escapeHtml(mail.to.join(', '))}</span>
<span class="subject">${escapeHtml(mail.subject || 'No subject')}</span>
<time datetime="${mail.receivedAt}">${clockTime(mail.receivedAt)}</time>
</a></li>`,
  )
  return `<ol>${rows.join('\n')}</ol>`
}

/** Of the clock of the machine the catcher runs on; the script puts the reader's in its place. */
function clockTime(receivedAt) {
  return new Date(receivedAt).toTimeString().slice(0, 8)
}

function renderNothing(isStart) {
  return isStart
    ? '<p class="empty">Here the newest mail will stand.</p>'
    : '<p class="empty">No such mail, or no longer. <a href="/">All mails</a></p>'
}

function renderMail(mail) {
  const parts = [
    ['html', 'Message', mail.html === null ? null : renderFrame(mail)],
    ['text', 'Plain text', mail.text === null ? null : `<pre>${linkify(mail.text)}</pre>`],
    ['headers', 'Headers', `<pre>${escapeHtml(mail.headers.join('\n'))}</pre>`],
  ].filter(([, , content]) => content !== null)
  const [first] = parts
  const inputs = parts.map(
    (part) =>
      `<input type="radio" name="part" id="show-${part[0]}"${part === first ? ' checked' : ''}>`,
  )
  const labels = parts.map(([name, label]) => `<label for="show-${name}">${label}</label>`)
  const sections = parts.map(
    ([name, , content]) => `<section class="part-${name}">${content}</section>`,
  )
  return `<a class="back" href="/">All mails</a>
<article data-mail="${mail.id}">
<h2>${escapeHtml(mail.subject || 'No subject')}</h2>
<dl>
<dt>From</dt><dd>${escapeHtml(mail.from)}</dd>
<dt>To</dt><dd>${escapeHtml(mail.to.join(', '))}</dd>
<dt>Caught</dt><dd><time datetime="${mail.receivedAt}">${clockTime(mail.receivedAt)}</time></dd>
${renderAttachments(mail)}
</dl>
<div class="parts">
${inputs.join('\n')}
<div class="tabs">${labels.join('\n')}</div>
${sections.join('\n')}
</div>
</article>`
}

function renderAttachments({ attachments }) {
  if (attachments.length === 0) return ''
  const names = attachments.map(
    ({ name, contentType, size }) => `${name || 'without a name'} (${contentType}, ${size} bytes)`,
  )
  return `<dt>Attached</dt><dd>${escapeHtml(names.join(', '))}</dd>`
}

/**
 * The mail's own HTML. The sandbox gives it no script, no form, no origin and no way to lead this page elsewhere; the
 * page's policy, which it inherits, lets it load nothing. Its links open in new tabs.
 */
function renderFrame({ html }) {
  const content = `<base target="_blank">${html}`
  return `<iframe title="HTML part" sandbox="allow-popups allow-popups-to-escape-sandbox" srcdoc="${escapeHtml(content)}"></iframe>`
}
