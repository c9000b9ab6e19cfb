/**
 * Log id = origin line = key name of the checkpoint's 0x01 signature line:
 * `<node.name>/<audience>~<8 base32 characters>` (DESIGN 2.1). A life never reuses an id.
 */
export type LogId = string

export type LogName = {
  readonly node: string
  readonly audience: string
  readonly life: string
}

const nodePattern = /^(?=.{1,200}$)[a-z0-9]([a-z0-9.-]*[a-z0-9])?$/
const audiencePattern = /^[a-z0-9]([a-z0-9-]{0,62}[a-z0-9])?$/
const lifePattern = /^[a-z2-7]{8}$/

/** DNS-like, lower case, without port (DESIGN 2.1). */
export function isNodeName(text: string): boolean {
  return nodePattern.test(text)
}

export function isAudienceName(text: string): boolean {
  return audiencePattern.test(text)
}

export function formatLogId({ node, audience, life }: LogName): LogId {
  return `${node}/${audience}~${life}`
}

/** The parts of a log id; null when the text is none. */
export function parseLogId(text: string): LogName | null {
  const slash = text.indexOf('/')
  const tilde = text.lastIndexOf('~')
  if (slash < 0 || tilde < slash) return null
  const node = text.slice(0, slash)
  const audience = text.slice(slash + 1, tilde)
  const life = text.slice(tilde + 1)
  if (!isNodeName(node) || !isAudienceName(audience) || !lifePattern.test(life)) return null
  return { node, audience, life }
}

const base32Alphabet = 'abcdefghijklmnopqrstuvwxyz234567'

/** Eight base32 characters out of eight random bytes (the low five bits of each). */
export function lifeFromRandom(bytes: Uint8Array): string {
  let life = ''
  for (let i = 0; i < 8; i++) life += base32Alphabet[(bytes[i] ?? 0) & 31]
  return life
}
