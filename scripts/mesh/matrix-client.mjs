// What a Matrix client says to a node, and the person who uses it.
import { createHash } from 'node:crypto'
import { request } from 'node:https'

const requestTimeoutMs = 10_000

export async function call(url, { token, body } = {}) {
  const response = await fetch(url, {
    method: body === undefined ? 'GET' : 'POST',
    headers: {
      ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
      ...(body === undefined ? {} : { 'content-type': 'application/json' }),
    },
    body: body === undefined ? null : JSON.stringify(body),
    signal: AbortSignal.timeout(requestTimeoutMs),
  })
  const text = await response.text()
  if (!response.ok) throw new Error(`${url} answered ${response.status}: ${text.slice(0, 500)}`)
  return JSON.parse(text)
}

export async function isReady(node) {
  try {
    await call(`${node.adminUrl}/health/ready`)
    return true
  } catch {
    return false
  }
}

export async function register(node, openidToken) {
  const answer = await call(`${node.publicUrl}/_matrix/identity/v2/account/register`, {
    body: openidToken,
  })
  return answer.token ?? answer.access_token
}

/** The session that proves the address once the mailed link was opened. */
export async function requestMail(node, { token, email, clientSecret }) {
  const { sid } = await call(`${node.publicUrl}/_matrix/identity/v2/validate/email/requestToken`, {
    token,
    body: { email, client_secret: clientSecret, send_attempt: 1 },
  })
  return { sid, client_secret: clientSecret }
}

/** Opens a link from a mail as a browser does. */
export async function open(link) {
  const response = await fetch(link, { signal: AbortSignal.timeout(requestTimeoutMs) })
  await response.text()
  if (!response.ok) throw new Error(`the mailed link answered ${response.status}`)
}

export function bind(node, { token, session, mxid }) {
  return call(`${node.publicUrl}/_matrix/identity/v2/3pid/bind`, {
    token,
    body: { ...session, mxid },
  })
}

/** Hashes of the v2 lookup: SHA-256 of "address medium pepper", unpadded URL-safe base64. */
export function hashThreepid({ address, medium }, pepper) {
  return createHash('sha256').update(`${address} ${medium} ${pepper}`).digest('base64url')
}

export async function hashDetails(node, token) {
  return call(`${node.publicUrl}/_matrix/identity/v2/hash_details`, { token })
}

/** The Matrix ID a node answers for an address by hashed lookup, or null. */
export async function lookup(node, { token, pepper, threepid }) {
  const hash = hashThreepid(threepid, pepper)
  const { mappings } = await call(`${node.publicUrl}/_matrix/identity/v2/lookup`, {
    token,
    body: { algorithm: 'sha256', pepper, addresses: [hash] },
  })
  return mappings[hash] ?? null
}

/** The association as its signer signed it, by the v1 lookup; null while the node cannot vouch for the signature. */
export async function signedAssociation(node, threepid) {
  const query = new URLSearchParams(threepid)
  const answer = await call(`${node.publicUrl}/_matrix/identity/api/v1/lookup?${query}`)
  return answer.signatures === undefined ? null : answer
}

/** Whether the mesh listener turns away a caller who shows no certificate. */
export function refusesStrangers(node) {
  return new Promise((resolve) => {
    const attempt = request(`${node.meshUrl}/_mesh/v1/heads`, {
      rejectUnauthorized: false,
      timeout: requestTimeoutMs,
      agent: false,
    })
    attempt.on('response', (response) => {
      response.resume()
      resolve(response.statusCode === 401 || response.statusCode === 403)
    })
    attempt.on('timeout', () => attempt.destroy(new Error('no answer')))
    attempt.on('error', () => resolve(true))
    attempt.end()
  })
}
