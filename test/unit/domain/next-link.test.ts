import { expect, test } from 'vitest'
import { readNextLink } from '../../../src/domain/next-link.ts'

test.each([
  'javascript:alert(1)',
  'data:text/html,x',
  'file:///etc/passwd',
  'vbscript:x',
  '//evil.example/',
  '/relative',
  ' https://a.example/',
  '\thttps://a.example/',
  'https://a.example/\r\nX: y',
  'https://user@a.example/',
  'https://user:pw@a.example/',
  'https://a.example\\@b.example/',
  'https:///a.example',
  'https://',
  'http:a.example',
  `https://a.example/${'x'.repeat(2_048)}`,
])('%j leads nowhere', (link) => expect(readNextLink(link, [])).toBeNull())

test('an http(s) link is taken as it will be sent', () => {
  expect(readNextLink('HTTPS://A.example/ä?x=1#y', [])).toBe('https://a.example/%C3%A4?x=1#y')
  expect(readNextLink('http://localhost:3000/', [])).toBe('http://localhost:3000/')
})

test('only where the operator allows it', () => {
  const allowed = ['a.example', '*.b.example', 'https://c.example/app']
  const taken = [
    'https://a.example/x',
    'http://a.example/',
    'https://x.b.example/',
    'https://c.example/app',
    'https://c.example/app/x?y',
  ]
  for (const link of taken) expect(readNextLink(link, allowed)).toBe(link)
  const refused = [
    'https://evil.example/',
    'https://b.example/',
    'https://xb.example/',
    'https://a.example.evil.example/',
    'https://c.example/apple',
    'https://c.example/',
    'http://c.example/app',
    'https://c.example/app/../other',
  ]
  for (const link of refused) expect([link, readNextLink(link, allowed)]).toEqual([link, null])
})
