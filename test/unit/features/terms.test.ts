import { expect, test } from 'vitest'
import type { Policy } from '../../../src/domain/policy.ts'
import { termsEndpoints } from '../../../src/features/terms/endpoints.ts'
import {
  acceptTerms,
  describePolicies,
  hasAcceptedTerms,
  type TermsDeps,
} from '../../../src/features/terms/terms.ts'

const privacy: Policy = {
  id: 'privacy_policy',
  version: '1.2',
  texts: [
    { language: 'en', name: 'Privacy', url: 'https://example.org/privacy-en' },
    { language: 'fr', name: 'Vie privée', url: 'https://example.org/privacy-fr' },
  ],
}
const service: Policy = {
  id: 'terms_of_service',
  version: '5.0',
  texts: [
    { language: 'en', name: 'Terms', url: 'https://example.org/terms-en' },
    { language: 'fr', name: 'Conditions', url: 'https://example.org/terms-fr' },
  ],
}

function start(policies: readonly Policy[] = [privacy, service]): {
  deps: TermsDeps
  accept: (...urls: string[]) => Promise<void>
  isFree: () => Promise<boolean>
  writes: string[][]
} {
  const stored = new Map<string, string[]>()
  const writes: string[][] = []
  const acceptances = {
    read: async (mxid: string) => stored.get(mxid) ?? [],
    add: async (mxid: string, accepted: readonly string[]) => {
      writes.push([...accepted])
      stored.set(mxid, [...(stored.get(mxid) ?? []), ...accepted])
    },
  }
  const deps = { policies, acceptances }
  const mxid = '@alice:example.org'
  return {
    deps,
    accept: (...urls) => acceptTerms(deps, { mxid, urls }),
    isFree: () => hasAcceptedTerms(deps, mxid),
    writes,
  }
}

test('every policy has to be accepted, each in any language, and acceptances add up', async () => {
  const { accept, isFree, deps } = start()
  expect(await isFree()).toBe(false)
  await accept('https://example.org/privacy-fr')
  expect(await isFree()).toBe(false)
  await accept('https://example.org/terms-en')
  expect(await isFree()).toBe(true)
  expect(await hasAcceptedTerms(deps, '@bob:example.org')).toBe(false)
})

test('without policies nothing is asked, and the list of them is empty', async () => {
  expect(await start([]).isFree()).toBe(true)
  expect(describePolicies([])).toEqual({})
})

test('unknown URLs mean nothing and are not kept, and nothing is written twice', async () => {
  const { accept, isFree, writes } = start()
  await accept('https://other.example/terms', '', '__proto__')
  await accept()
  expect(writes).toEqual([])
  const all = ['https://example.org/privacy-en', 'https://example.org/terms-en']
  await accept(...all, ...all, 'https://other.example/terms')
  await accept(...all)
  expect(writes.map((write) => write.length)).toEqual([2])
  expect(await isFree()).toBe(true)
})

test.each([
  ['its version', { ...privacy, version: '1.3' }],
  [
    'its URL',
    { ...privacy, texts: [{ language: 'en', name: 'Privacy', url: 'https://example.org/new' }] },
  ],
])('a policy that changed %s is asked for again', async (_what, changed) => {
  const { accept, deps } = start([privacy])
  await accept('https://example.org/privacy-en')
  const later = { ...deps, policies: [changed] }
  expect(await hasAcceptedTerms(later, '@alice:example.org')).toBe(false)
})

test('policies are described by id, version and language, whatever their names', () => {
  const named = (id: string): Policy => ({ ...privacy, id })
  const described = JSON.stringify(describePolicies(['__proto__', 'constructor'].map(named)))
  const texts = {
    en: { name: 'Privacy', url: 'https://example.org/privacy-en' },
    fr: { name: 'Vie privée', url: 'https://example.org/privacy-fr' },
  }
  const wanted = JSON.stringify({ version: '1.2', ...texts })
  expect(described).toBe(`{"__proto__":${wanted},"constructor":${wanted}}`)
  expect(({} as Record<string, unknown>)['version']).toBeUndefined()
})

test('a body that is no list of texts, or too long a one, is refused', () => {
  const [, post] = termsEndpoints(start().deps)
  const long = Array.from({ length: 501 }, () => 'https://example.org/')
  for (const user_accepts of ['https://example.org/privacy-en', [1], { a: 1 }, null, long]) {
    expect(() => post?.readBody?.({ user_accepts })).toThrowError(
      expect.objectContaining({ code: 'param-invalid' }),
    )
  }
  expect(() => post?.readBody?.({})).toThrowError(
    expect.objectContaining({ code: 'param-missing' }),
  )
  expect(post?.needsTerms).toBe(false)
})
