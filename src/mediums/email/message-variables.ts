import {
  inviteExtrasMax,
  messageLinkCharsMax,
  shownNameCharsMax,
  shownValueCharsMax,
} from '../../domain/message-limits.ts'
import type { InviteMessage, OutboundMessage, TemplateVariables } from '../medium.ts'

/** Marks that turn the direction of what follows, or show as nothing: with them a link reads as another. */
const invisible = /[\p{Bidi_Control}\u200b\u200e\u200f\u2060-\u2064\ufeff]/gu
/** Whatever may end a line somewhere, NUL, and the rest of the control characters. */
const breaking = /[\p{Cc}\p{Zl}\p{Zp}]+/gu
/** What mail programs make a link of. */
const linkLike = /:\/\/|\bwww\.|\b[\p{L}\p{N}-]+\.[\p{L}]{2,}\/|\bmailto:/iu
const extraNamePattern = /^[0-9A-Za-z_.-]{1,64}$/

/**
 * What templates see of a message. Every value is one line of ordinary text of bounded length, whoever chose it
 * (test/unit/mediums/email-attacks.test.ts); names that hold a link count as not given.
 */
export function messageVariables(message: OutboundMessage, serverName: string): TemplateVariables {
  const common = {
    server_name: serverName,
    medium: message.medium,
    address: shownValue(message.address),
    token: shownValue(message.token),
    link: shownLink(message.link),
  }
  return message.type === 'validation' ? common : { ...common, ...inviteVariables(message) }
}

function inviteVariables(message: InviteMessage): TemplateVariables {
  const roomName = shownName(message.roomName)
  const sender = shownValue(message.sender)
  const webClientLink = shownLink(message.webClientLink)
  return {
    room_id: shownValue(message.roomId),
    room_name: roomName,
    room_alias: shownValue(message.roomAlias),
    room_avatar_url: shownMediaUrl(message.roomAvatarUrl),
    room_type: shownValue(message.roomType),
    bracketed_room_name: bracketed(roomName),
    sender,
    sender_display_name: shownName(message.senderDisplayName),
    sender_avatar_url: shownMediaUrl(message.senderAvatarUrl),
    bracketed_verified_sender: bracketed(sender),
    ephemeral_private_key: shownValue(message.ephemeralPrivateKey),
    web_client_link: webClientLink,
    web_client_location: webClientLink,
    extra: Object.fromEntries(
      Object.entries(message.extra)
        .filter(([name]) => extraNamePattern.test(name))
        .slice(0, inviteExtrasMax)
        .map(([name, value]) => [name, shownValue(value)]),
    ),
  }
}

/** One line, without what hides or turns text around, at most `charsMax` code points. */
export function oneLine(text: string, charsMax: number): string {
  // Cut before and after: code points are counted of a text that is short already.
  const line = text
    .slice(0, 4 * charsMax)
    .replace(/\p{Cs}/gu, '\ufffd')
    .replace(breaking, ' ')
    .replace(invisible, '')
    .trim()
  const points = [...line]
  return points.length <= charsMax ? line : `${points.slice(0, charsMax - 1).join('')}…`
}

function shownValue(text: string): string {
  return oneLine(text, shownValueCharsMax)
}

function shownName(text: string): string {
  const name = oneLine(text, shownNameCharsMax)
  return linkLike.test(name) ? '' : name
}

function bracketed(text: string): string {
  return text === '' ? '' : `(${text})`
}

/** A link is whole or it is none. */
function shownLink(text: string): string {
  if (text.length > messageLinkCharsMax || !/^https?:\/\/[\x21-\x7e]+$/.test(text)) return ''
  return text
}

function shownMediaUrl(text: string): string {
  return /^(?:mxc|https?):\/\/[\x21-\x7e]+$/.test(text) ? shownValue(text) : ''
}
