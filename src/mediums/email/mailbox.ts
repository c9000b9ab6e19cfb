import { domainToASCII } from 'node:url'
import addressparser from 'nodemailer/lib/addressparser'
import { isThreepid } from '../../domain/threepid.ts'
import { parseServerName } from '../../domain/server-name.ts'

/** An address taken apart for SMTP. */
export type Mailbox = {
  /** `local@domain`, the domain as A-labels. */
  readonly address: string
  /** Whether the local part needs a server that speaks SMTPUTF8 (RFC 6531). */
  readonly isInternational: boolean
}

/**
 * The mailbox of an address, null when no mail server can be asked for it. A domain that URL rules would read as
 * another (2130706433, 0x7f.1), an address literal and a domain that is no DNS name are none: mail goes to the very
 * name that was given.
 */
export function mailboxOf(address: string): Mailbox | null {
  const at = address.lastIndexOf('@')
  const local = address.slice(0, at)
  const given = address.slice(at + 1)
  const domain = domainToASCII(given)
  if (at < 1 || local.length > 64) return null
  if (/^[\x21-\x7e]*$/.test(given) && domain !== given.toLowerCase()) return null
  const parsed = parseServerName(domain)
  if (parsed?.kind !== 'dns' || parsed.port !== null) return null
  return { address: `${local}@${domain}`, isInternational: !/^[\x21-\x7e]+$/.test(local) }
}

export type Sender = { readonly name: string; readonly address: string }

/** `Name <address>` or an address alone, exactly one; null for anything else. */
export function parseSender(text: string): Sender | null {
  if (/\p{Cc}/u.test(text)) return null
  const [found, ...more] = addressparser(text)
  if (found === undefined || more.length > 0 || !('address' in found)) return null
  const address = found.address ?? ''
  if (!isThreepid({ medium: 'email', address: address.toLowerCase() })) return null
  return mailboxOf(address) === null ? null : { name: found.name, address }
}
