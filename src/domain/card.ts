import { isAcceptablePublicKey } from './ed25519.ts'
import { formatVerifierKey, parseVerifierKey } from './checkpoint.ts'
import { isNodeName } from './log-id.ts'
import { RefusalError } from './refusal.ts'

/** A node in one line, all that a peer needs: `mycelid1 <name> <url> <vkey> <pin>` (DESIGN 2.1). */
export type Card = {
  readonly name: string
  /** Base URL of its mesh listener; null (written `-`) for a node that only calls. */
  readonly url: string | null
  /** C2SP verifier key of its mesh key under its name (type 0x01). */
  readonly vkey: string
  /** "sha256:" + base64 of SHA-256 over the SPKI of its TLS certificate. */
  readonly pin: string
}

const version = 'mycelid1'
const urlLengthMax = 500

export function formatCard({ name, url, vkey, pin }: Card): string {
  return [version, name, url ?? '-', vkey, pin].join(' ')
}

/** Reads a card; white space around and between its parts is free. Refuses with param-invalid, saying which part. */
export function parseCard(text: string): Card {
  const parts = text.trim().split(/\s+/)
  const [given = '', name = '', url = '', vkey = '', pin = ''] = parts
  if (given !== version) {
    throw invalid(
      /^mycelid\d+$/.test(given)
        ? `a card of another version (${given}); this one reads ${version}`
        : `expected a line that begins with "${version}", as \`mycelid mesh card\` prints it`,
    )
  }
  if (parts.length !== 5) {
    throw invalid(`expected five parts (${version}, name, url, key, pin), got ${parts.length}`)
  }
  if (!isNodeName(name)) throw invalid(`"${name}" is no node name`)
  if (url !== '-') checkUrl(url)
  const problem = verifierKeyProblem(name, vkey) ?? pinProblem(pin)
  if (problem !== null) throw invalid(problem)
  return { name, url: url === '-' ? null : url, vkey, pin }
}

function checkUrl(url: string): void {
  const problem = meshUrlProblem(url)
  if (problem !== null) throw invalid(problem)
}

/** Why a text cannot be the base URL of a mesh listener; null when it can. */
export function meshUrlProblem(text: string): string | null {
  if (text.length > urlLengthMax) return `the URL is longer than ${urlLengthMax} characters`
  if (!URL.canParse(text)) return `"${text}" is no URL`
  const url = new URL(text)
  if (url.protocol !== 'https:') return `the URL must begin with https://, got ${url.protocol}//`
  if (url.username !== '' || url.password !== '') return 'the URL must not hold a user or password'
  if (url.search !== '' || url.hash !== '') return 'the URL must not hold ? or #'
  return null
}

/** Why a text cannot be the mesh key of a node of this name; null when it can. */
export function verifierKeyProblem(name: string, text: string): string | null {
  const key = parseVerifierKey(text)
  if (key === null || formatVerifierKey(key) !== text) {
    return 'the key is damaged: it is no C2SP verifier key, or its key id does not fit it'
  }
  if (key.name !== name) return `the key is one of "${key.name}", not of "${name}"`
  if (key.type !== 0x01) return 'the key is of another type than Ed25519 (0x01)'
  return isAcceptablePublicKey(key.publicKey) ? null : 'the key is a weak or malformed point'
}

/** Why a text is no TLS pin; null when it is one: "sha256:" and 32 bytes of standard base64. */
export function pinProblem(text: string): string | null {
  const encoded = /^sha256:([A-Za-z0-9+/]{43}=)$/.exec(text)?.[1]
  const isCanonical =
    encoded !== undefined && Buffer.from(encoded, 'base64').toString('base64') === encoded
  return isCanonical ? null : 'the TLS pin must be "sha256:" and 44 characters of base64'
}

function invalid(message: string): RefusalError {
  return new RefusalError('param-invalid', message)
}
