import { beforeEach, describe, expect, test } from 'vitest'
import { toBase64Unpadded } from '../../../src/domain/base64.ts'
import {
  serverKeysAskingMax,
  serverKeysKeptMaxMs,
  serverKeysRetryMs,
} from '../../../src/domain/api-limits.ts'
import { parseServerName, type ServerName } from '../../../src/domain/server-name.ts'
import { readKeyStatement, ServerKeys } from '../../../src/matrix/server-keys.ts'
import { HttpFault } from '../../../src/platform/http-client.ts'
import {
  homeserverKey,
  HomeserverWorld,
  hourMs,
  keyObject,
  publicText,
} from './homeserver-world.ts'

const route = 'GET /_matrix/key/v2/server'
const first = homeserverKey('ed25519:a_1', 1)
const second = homeserverKey('ed25519:b_2', 2)
const hs = parseServerName('hs.example') as ServerName

let world: HomeserverWorld
let keys: ServerKeys

beforeEach(() => {
  world = new HomeserverWorld()
  keys = new ServerKeys(world.deps())
})

function offering(...given: (typeof first)[]): { status: number; text: string } {
  const validUntilMs = world.nowMs + 24 * hourMs
  const text = JSON.stringify(keyObject({ serverName: 'hs.example', keys: given, validUntilMs }))
  return { status: 200, text }
}

const found = async (keyId: string): Promise<string | null> => {
  const key = await keys.find(hs, keyId)
  return key === null ? null : toBase64Unpadded(key)
}

describe('asking', () => {
  test('a server is asked once for all its keys, as long as they are valid', async () => {
    world.answer(route, offering(first, second))
    expect(await found('ed25519:a_1')).toBe(publicText(first))
    world.nowMs += 23 * hourMs
    expect(await found('ed25519:b_2')).toBe(publicText(second))
    expect(world.calls).toHaveLength(1)
    expect(world.calls[0]?.url.href).toBe('https://hs.example:8448/_matrix/key/v2/server')
  })

  test('requests that wait for one server ask it once', async () => {
    world.answer(route, offering(first))
    const all = await Promise.all([1, 2, 3].map(() => found('ed25519:a_1')))
    expect(all).toEqual(Array(3).fill(publicText(first)))
    expect(world.calls).toHaveLength(1)
  })

  test('it is asked again when its keys are no longer valid', async () => {
    world.answer(route, offering(first))
    await found('ed25519:a_1')
    world.nowMs += 24 * hourMs
    world.answer(route, offering(second))
    expect(await found('ed25519:a_1')).toBeNull()
    expect(await found('ed25519:b_2')).toBe(publicText(second))
    expect(world.calls).toHaveLength(2)
  })

  test('no key counts for longer than a week', async () => {
    const validUntilMs = world.nowMs + 1_000 * 24 * hourMs
    const object = keyObject({ serverName: 'hs.example', keys: [first], validUntilMs })
    world.answer(route, { status: 200, text: JSON.stringify(object) })
    await found('ed25519:a_1')
    world.nowMs += serverKeysKeptMaxMs
    world.answer(route, { status: 500 })
    await expect(found('ed25519:a_1')).rejects.toMatchObject({ code: 'homeserver-unreachable' })
  })

  test('an unknown key makes it asked again, but not each time', async () => {
    world.answer(route, offering(first))
    await found('ed25519:a_1')
    for (const keyId of ['ed25519:x', 'ed25519:y', '__proto__', 'toString']) {
      expect(await found(keyId)).toBeNull()
    }
    expect(world.calls).toHaveLength(1)
    world.nowMs += serverKeysRetryMs
    world.answer(route, offering(second))
    expect(await found('ed25519:b_2')).toBe(publicText(second))
    expect(world.calls).toHaveLength(2)
  })

  test('a server that gives nothing is left alone for a while', async () => {
    world.answer(route, new HttpFault('unreachable', 'no'))
    for (let i = 0; i < 3; i++) {
      await expect(found('ed25519:a_1')).rejects.toMatchObject({ code: 'homeserver-unreachable' })
    }
    expect(world.calls).toHaveLength(1)
    world.nowMs += serverKeysRetryMs
    world.answer(route, offering(first))
    expect(await found('ed25519:a_1')).toBe(publicText(first))
  })

  test('a server that is away for a moment has not taken back its keys', async () => {
    world.answer(route, offering(first))
    await found('ed25519:a_1')
    world.nowMs += serverKeysRetryMs
    world.answer(route, new HttpFault('timeout', 'no'))
    expect(await found('ed25519:new')).toBeNull()
    expect(await found('ed25519:a_1')).toBe(publicText(first))
  })

  test('that we were busy ourselves is not held against it', async () => {
    world.answer(route, new HttpFault('busy', 'no'), offering(first))
    await expect(found('ed25519:a_1')).rejects.toMatchObject({ code: 'homeserver-unreachable' })
    expect(await found('ed25519:a_1')).toBe(publicText(first))
  })

  test('slow servers take up some of the calls we may make, never all', async () => {
    let release = (): void => {}
    world.gate = new Promise((resolve) => {
      release = resolve
    })
    const names = [...Array(serverKeysAskingMax + 1).keys()].map((n) => `hs${n}.example`)
    const asked = names.map((name) =>
      keys
        .find(parseServerName(name) as ServerName, 'ed25519:a_1')
        .catch((error: unknown) => error),
    )
    expect(await asked.at(-1)).toMatchObject({ code: 'homeserver-unreachable' })
    release()
    await Promise.all(asked)
    expect(world.calls).toHaveLength(serverKeysAskingMax)
    world.gate = null
    world.answer(route, offering(first))
    expect(await found('ed25519:a_1')).toBe(publicText(first))
  })

  test.each([301, 404, 500])('status %i is no answer', async (status) => {
    world.answer(route, { ...offering(first), status, headers: { location: 'https://a.example/' } })
    await expect(found('ed25519:a_1')).rejects.toMatchObject({ code: 'homeserver-unreachable' })
    expect(world.calls).toHaveLength(1)
  })

  test.each([
    ['no JSON', 'no'],
    ['a list', '[]'],
    ['a name twice', '{"server_name":"hs.example","server_name":"a"}'],
    ['depth', '['.repeat(25_000) + ']'.repeat(25_000)],
  ])('%s offers no key, and takes none back', async (_name, text) => {
    world.answer(route, { status: 200, text })
    expect(await found('ed25519:a_1')).toBeNull()
    world.nowMs += serverKeysRetryMs
    world.answer(route, offering(first))
    expect(await found('ed25519:a_1')).toBe(publicText(first))
    world.nowMs += serverKeysRetryMs
    world.answer(route, { status: 200, text })
    expect(await found('ed25519:new')).toBeNull()
    expect(await found('ed25519:a_1')).toBe(publicText(first))
    expect(world.calls).toHaveLength(3)
  })
})

describe('what a server says of its keys', () => {
  const nowMs = 1_000_000
  const base = { serverName: 'hs.example', keys: [first], validUntilMs: nowMs + hourMs }
  const read = (object: unknown, nameAsked = 'hs.example') =>
    readKeyStatement(object, nameAsked, nowMs)

  test('is believed when it names the server and every key signed it', () => {
    const statement = read(keyObject({ ...base, keys: [first, second] }))
    expect([...(statement?.keys.keys() ?? [])]).toEqual(['ed25519:a_1', 'ed25519:b_2'])
    expect(statement?.validUntilMs).toBe(nowMs + hourMs)
  })

  test('may hold names whose order readers disagree about, and still verifies', () => {
    const more = JSON.parse(
      '{"2":1,"10":2,"__proto__":{"a":1},"\u{1f600}":3,"\uff5e":4,"q":"\\u0007\\n\\"\\u2028"}',
    ) as object
    const object: unknown = JSON.parse(JSON.stringify(keyObject({ ...base, more })))
    expect(read(object)).not.toBeNull()
    expect(({} as { a?: number }).a).toBeUndefined()
  })

  test('may hold keys of other algorithms, which are passed over', () => {
    const other = { key: 'AAAA' }
    const more = { verify_keys: { 'ed25519:a_1': { key: publicText(first) }, 'x448:1': other } }
    expect([...(read(keyObject({ ...base, more }))?.keys.keys() ?? [])]).toEqual(['ed25519:a_1'])
  })

  test.each<[string, object]>([
    ['another name', keyObject({ ...base, serverName: 'evil.example' })],
    [
      'another name, under the right signature',
      keyObject({ ...base, more: { server_name: 'evil.example' } }),
    ],
    ['the name in another case', keyObject({ ...base, serverName: 'HS.example' })],
    ['one key that did not sign', keyObject({ ...base, keys: [first, second], signers: [first] })],
    ['no signature', keyObject({ ...base, signers: [] })],
    [
      'the signature of another',
      { ...keyObject(base), signatures: { 'hs.example': { 'ed25519:a_1': 'A'.repeat(86) } } },
    ],
    ['what was changed after', { ...keyObject(base), valid_until_ts: nowMs + 2 * hourMs }],
    ['an end in the past', keyObject({ ...base, validUntilMs: nowMs })],
    ['an end that is a fraction', { ...keyObject(base), valid_until_ts: nowMs + 0.5 }],
    ['an end that is text', keyObject({ ...base, more: { valid_until_ts: '9999999999999' } })],
    ['no end', keyObject({ ...base, more: { valid_until_ts: undefined } })],
    ['no keys', keyObject({ ...base, keys: [] })],
    ['keys that are a list', keyObject({ ...base, more: { verify_keys: [] } })],
    [
      'keys of other algorithms alone',
      keyObject({ ...base, more: { verify_keys: { 'rsa:1': { key: 'AA' } } } }),
    ],
    [
      'a key that is none',
      keyObject({ ...base, more: { verify_keys: { 'ed25519:a_1': { key: 'AA' } } } }),
    ],
    [
      'a key that is a number',
      keyObject({ ...base, more: { verify_keys: { 'ed25519:a_1': { key: 5 } } } }),
    ],
    ['a key that is null', keyObject({ ...base, more: { verify_keys: { 'ed25519:a_1': null } } })],
    [
      'more keys than anybody has',
      keyObject({
        ...base,
        keys: [...Array(17).keys()].map((n) => homeserverKey(`ed25519:${n}`, n)),
      }),
    ],
  ])('is nothing with %s', (_name, object) => {
    expect(read(object)).toBeNull()
  })

  test('is nothing under a key that signs anything', () => {
    // The neutral element as key, and as signature with S = 0.
    const neutral = `AQ${'A'.repeat(41)}`
    const signatures = { 'hs.example': { 'ed25519:a_1': `AQ${'A'.repeat(84)}` } }
    const object = keyObject({
      ...base,
      more: { verify_keys: { 'ed25519:a_1': { key: neutral } } },
    })
    expect(read({ ...object, signatures })).toBeNull()
  })

  test.each([null, 5, 'text', [], {}])('is not %j', (value) => {
    expect(read(value)).toBeNull()
  })

  test('old keys are none', () => {
    const old = { 'ed25519:b_2': { key: publicText(second), expired_ts: nowMs + hourMs } }
    const statement = read(keyObject({ ...base, more: { old_verify_keys: old } }))
    expect(statement?.keys.has('ed25519:b_2')).toBe(false)
  })
})
