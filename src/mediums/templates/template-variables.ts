/**
 * Owns: templates: which there are, what they may name, how they are found, compiled and rendered.
 * Relies on: domain, platform, the port beside it; liquidjs.
 * Never: opens a file after the start, or takes a value for a template.
 */
import type { TemplateName, TemplateVariables } from '../medium.ts'

const everywhere = ['server_name', 'medium', 'language']
const messages = [...everywhere, 'token', 'link', 'address']
const invites = [
  ...messages,
  ...['room_id', 'room_name', 'room_alias', 'room_avatar_url', 'room_type', 'bracketed_room_name'],
  ...['sender', 'sender_display_name', 'sender_avatar_url', 'bracketed_verified_sender'],
  ...['ephemeral_private_key', 'web_client_link', 'web_client_location', 'extra'],
]

/** What each template may name (docs/templates.md). Another name is a mistake that is told at the start. */
export const templateVariables: Readonly<Record<TemplateName, readonly string[]>> = {
  'validation.txt': messages,
  'validation.html': messages,
  'validation-sms.txt': messages,
  'invite.txt': invites,
  'invite.html': invites,
  'validated.html': [...everywhere, 'next_link'],
  'validation-failed.html': [...everywhere, 'reason'],
}

/** Every variable of a template with its own name as value, to try it out. */
export function sampleVariables(name: TemplateName): TemplateVariables {
  return Object.fromEntries(
    templateVariables[name].map((variable) => [variable, variable === 'extra' ? {} : variable]),
  )
}
