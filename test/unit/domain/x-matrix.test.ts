import fc from 'fast-check'
import { expect, test } from 'vitest'
import { xMatrixBytesMax } from '../../../src/domain/api-limits.ts'
import { isXMatrix, parseXMatrix } from '../../../src/domain/x-matrix.ts'

const hs = { origin: 'hs.example', keyId: 'ed25519:a_1', signature: 'c2ln/+==', destination: null }
const plain = 'X-Matrix origin="hs.example",key="ed25519:a_1",sig="c2ln/+=="'

test.each([
  ['as homeservers write it', plain],
  ['without quotes', 'X-Matrix origin=hs.example,key=ed25519:a_1,sig=c2ln/+=='],
  ['scheme and names in any case', plain.replace('X-Matrix origin', 'x-MATRIX Origin')],
  ['blanks after commas and around', `${plain.replaceAll(',', ' ,  ').replaceAll('=', '=')} `],
  [
    'blanks around equals signs',
    'X-Matrix origin = "hs.example", key\t="ed25519:a_1",sig= "c2ln/+=="',
  ],
  ['another order', 'X-Matrix sig="c2ln/+==",origin="hs.example",key="ed25519:a_1"'],
  ['parameters nobody knows', `${plain},extra="a,b=c",more=1`],
  ['empty list members', `X-Matrix , ,${plain.slice(9)},`],
  ['escapes', plain.replace('hs.example', 'hs\\.exam\\ple')],
])('read: %s', (_name, header) => {
  expect(isXMatrix(header)).toBe(true)
  expect(parseXMatrix(header)).toEqual(hs)
})

test('the destination is read when there is one', () => {
  const header = `${plain},destination="id.example.org/a path"`
  expect(parseXMatrix(header)).toEqual({ ...hs, destination: 'id.example.org/a path' })
})

test.each([
  ['a parameter twice', `${plain},origin="hs.example"`],
  ['a parameter twice in another case', `${plain},ORIGIN="evil.example"`],
  ['an unknown parameter twice', `${plain},x=1,x=1`],
  ['no origin', 'X-Matrix key="ed25519:a",sig="c2ln"'],
  ['no key', 'X-Matrix origin="hs.example",sig="c2ln"'],
  ['no signature', 'X-Matrix origin="hs.example",key="ed25519:a"'],
  ['nothing', 'X-Matrix'],
  ['two headers joined', `${plain}, ${plain}`],
  ['an open quote', plain.slice(0, -1)],
  ['a quote in the middle', plain.replace('hs.example', 'hs"example')],
  ['text after a quoted value', plain.replace('e"', 'e"x')],
  ['no commas', plain.replaceAll(',', ' ')],
  ['a control character', plain.replace('hs.example', 'hs\n.example')],
  ['letters beyond ASCII', plain.replace('hs.example', 'h\u017f.example')],
  ['an open escape', `${plain.slice(0, -1)}\\`],
  ['too many bytes', `${plain},x="${'a'.repeat(xMatrixBytesMax)}"`],
  ['too many parameters', `${plain},${[...Array(20).keys()].map((n) => `p${n}=1`).join(',')}`],
])('not read, though of this scheme: %s', (_name, header) => {
  expect(isXMatrix(header)).toBe(true)
  expect(parseXMatrix(header)).toBeNull()
})

test.each(['Bearer abc', '', 'X-Matrixorigin="a"', 'X-MatrixX origin=a', ' X-Matrix a=b'])(
  'another scheme: %j',
  (header) => {
    expect(isXMatrix(header)).toBe(false)
    expect(parseXMatrix(header)).toBeNull()
  },
)

test('names of the language itself are parameters like any other', () => {
  expect(parseXMatrix(`${plain},__proto__="x",constructor="y"`)).toEqual(hs)
})

test('whatever is sent, it is read or not, soon', () => {
  fc.assert(
    fc.property(fc.string(), (text) => {
      parseXMatrix(`X-Matrix ${text}`)
    }),
  )
  const hostile = `X-Matrix a="${'\\'.repeat(2_000)}`
  expect(parseXMatrix(hostile)).toBeNull()
  expect(parseXMatrix(`X-Matrix ${' ,'.repeat(1_000)}`)).toBeNull()
})
