// CPU of a bare node:http server ÷ ours, per v2 lookup: 16 keep-alive connections, median of alternating runs.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { formatLookupHash, lookupHash } from '../../dist/domain/lookup-hash.js'
import { addressOf } from './lines.mjs'
import { load } from './load.mjs'
import { cpuSeconds } from './nodes.mjs'

const connections = 16

export function lookupBody({ hashes, known }) {
  const addresses = []
  for (let i = 0; i < hashes; i++) {
    const address = i < known ? addressOf(i * 97) : `nobody${i}@nowhere.example`
    addresses.push(formatLookupHash(lookupHash({ medium: 'email', address }, 'matrixrocks')))
  }
  return JSON.stringify({ addresses, algorithm: 'sha256', pepper: 'matrixrocks' })
}

function requestOf(token, body) {
  return [
    'POST /_matrix/identity/v2/lookup HTTP/1.1',
    'Host: id.example.org',
    `Authorization: Bearer ${token}`,
    'Content-Type: application/json',
    `Content-Length: ${Buffer.byteLength(body)}`,
    '',
    body,
  ].join('\r\n')
}

export async function lookupRatio({ port, pid, token, hashes, known, runs = 5, count = 8_000 }) {
  const body = lookupBody({ hashes, known })
  const answer = await fetch(`http://127.0.0.1:${port}/_matrix/identity/v2/lookup`, {
    method: 'POST',
    headers: { authorization: `Bearer ${token}` },
    body,
  })
  const text = await answer.text()
  const found = Object.keys(JSON.parse(text).mappings ?? {}).length
  if (found !== known)
    throw new Error(`${found} of ${known} known addresses were found: ${text.slice(0, 200)}`)
  return ratioTo({ port, pid, text, request: requestOf(token, body), runs, count })
}

/** The same of GET versions, which has no body to parse. */
export async function versionsRatio({ port, pid, runs = 5, count = 8_000 }) {
  const path = '/_matrix/identity/versions'
  const text = await (await fetch(`http://127.0.0.1:${port}${path}`)).text()
  const request = `GET ${path} HTTP/1.1\r\nHost: id.example.org\r\n\r\n`
  return ratioTo({ port, pid, text, request, runs, count })
}

async function ratioTo({ port, pid, text, request, runs, count }) {
  const bare = spawn(
    process.execPath,
    [fileURLToPath(new URL('bare.mjs', import.meta.url)), text],
    { stdio: ['ignore', 'pipe', 'inherit'] },
  )
  const barePort = Number(String((await once(bare.stdout, 'data'))[0]))
  const ratios = []
  try {
    const perRequest = async (toPort, ofPid, requests) => {
      const before = cpuSeconds(ofPid)
      await load({ port: toPort, request, connections, count: requests })
      return (cpuSeconds(ofPid) - before) / requests
    }
    await perRequest(barePort, bare.pid, count / 2)
    await perRequest(port, pid, count / 2)
    for (let i = 0; i < runs; i++) {
      const reference = await perRequest(barePort, bare.pid, count)
      ratios.push({ reference, ours: await perRequest(port, pid, count) })
    }
  } finally {
    bare.kill()
  }
  const sorted = ratios.map(({ reference, ours }) => reference / ours).sort((a, b) => a - b)
  return { ratio: sorted[Math.floor(sorted.length / 2)], runs: ratios }
}
