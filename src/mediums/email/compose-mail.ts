import { subjectCharsMax } from '../../domain/message-limits.ts'
import type { OutboundMessage, TemplateName, Templates } from '../medium.ts'
import { messageVariables, oneLine } from './message-variables.ts'

export type Mail = {
  readonly subject: string
  readonly text: string
  /** Null when the operator's HTML template is empty: the mail is plain text then. */
  readonly html: string | null
}

/** Subject and parts of a message, in the voice and language of its audience. */
export function composeMail(
  { templates, serverName }: { readonly templates: Templates; readonly serverName: string },
  message: OutboundMessage,
): Mail {
  const variables = messageVariables(message, serverName)
  const render = (part: 'txt' | 'html', isBuiltIn = false) => {
    const name: TemplateName = `${message.type}.${part}`
    return templates.render(name, { ...message, isBuiltIn }, variables)
  }
  const text = render('txt')
  const html = render('html')
  const subject = text.subject ?? html.subject ?? render('txt', true).subject ?? ''
  return {
    subject: oneLine(subject, subjectCharsMax),
    text: text.text,
    html: html.text.trim() === '' ? null : html.text,
  }
}
