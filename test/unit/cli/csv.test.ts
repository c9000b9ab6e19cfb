import fc from 'fast-check'
import { expect, test } from 'vitest'
import { parseCsvLine } from '../../../src/cli/csv.ts'

const good: readonly [text: string, fields: readonly string[]][] = [
  ['email,a@b.example,@a:b.example', ['email', 'a@b.example', '@a:b.example']],
  [' email , a@b.example , @a:b.example ', ['email', 'a@b.example', '@a:b.example']],
  ['"email","a@b.example","@a:b.example"', ['email', 'a@b.example', '@a:b.example']],
  ['"a, b",c', ['a, b', 'c']],
  ['"say ""hi""",c', ['say "hi"', 'c']],
  ['"",b', ['', 'b']],
  ['a,', ['a', '']],
  [',', ['', '']],
  ['""""', ['"']],
]

test.each(good)('%s is read as its fields', (text, fields) => {
  expect(parseCsvLine(text)).toEqual(fields)
})

test.each(['"open', 'a"b', '"a"b,c', 'a,"b', '"a""'])('%s is malformed', (text) => {
  expect(parseCsvLine(text)).toBeNull()
})

test('whatever is quoted as RFC 4180 says comes back as it was', () => {
  const field = fc.string({ maxLength: 20 }).filter((text) => !/[\r\n]/.test(text))
  fc.assert(
    fc.property(fc.array(field, { minLength: 1, maxLength: 5 }), (fields) => {
      const text = fields.map((each) => `"${each.replaceAll('"', '""')}"`).join(',')
      expect(parseCsvLine(text)).toEqual(fields)
    }),
  )
})
