import { describe, expect, test } from 'vitest'
import { createPhoneNumbers, type RejectRule } from '../../../src/mediums/msisdn/phone-numbers.ts'

const read = (country: string, number: string, rules: readonly RejectRule[] = []) =>
  createPhoneNumbers(rules).read(country, number)

describe('a number is read as if dialled in the country', () => {
  test.each([
    ['GB', '07700 900750', '447700900750', '+44 7700 900750'],
    ['GB', '447700900750', '447700900750', '+44 7700 900750'],
    ['gb', '(07700) 900-750', '447700900750', '+44 7700 900750'],
    ['US', '(201) 555-0123', '12015550123', '+1 201 555 0123'],
    ['FR', '06 12 34 56 78', '33612345678', '+33 6 12 34 56 78'],
    ['DE', '0151 23456789', '4915123456789', '+49 1512 3456789'],
    // The zero of an Italian landline is part of the number, here and abroad.
    ['IT', '06 1234 5678', '390612345678', '+39 06 1234 5678'],
    ['FR', '+39 06 1234 5678', '390612345678', '+39 06 1234 5678'],
    // A plus or the international prefix of the country overrides it.
    ['FR', '+447700900750', '447700900750', '+44 7700 900750'],
    ['GB', '00 33 6 12 34 56 78', '33612345678', '+33 6 12 34 56 78'],
    ['US', '011 44 7700 900750', '447700900750', '+44 7700 900750'],
    ['', '+447700900750', '447700900750', '+44 7700 900750'],
    ['XX', '+447700900750', '447700900750', '+44 7700 900750'],
    // Digits of other scripts are digits.
    ['GB', '０７７００９００７５０', '447700900750', '+44 7700 900750'],
  ])('%s %s', async (country, number, address, intlFormat) => {
    expect(await read(country, number)).toMatchObject({ address, intlFormat })
  })
})

describe('refused as no phone number', () => {
  test.each([
    ['GB', ''],
    ['GB', 'not a number'],
    ['GB', '12'],
    ['GB', '07700 900750 ext. 5'],
    ['GB', 'call 07700 900750'],
    ['GB', '07700 900750\n07700 900751'],
    ['GB', '+44770090075012345678'],
    ['', '07700 900750'],
    ['XX', '07700 900750'],
    ['__proto__', '07700 900750'],
    ['GB', '+999123456789'],
    ['GB', '+'.repeat(10_000)],
    ['GB', '1'.repeat(10_000)],
  ])('%s %j', async (country, number) => {
    await expect(read(country, number)).rejects.toMatchObject({ code: 'phone-number-invalid' })
  })

  test('in words that do not repeat it', async () => {
    const told = await read('GB', '07700 9007509999').catch((thrown: Error) => thrown.message)
    expect(told).toContain('expected a phone number')
    expect(told).not.toContain('9007509999')
  })
})

describe('where nothing is sent', () => {
  const france: RejectRule = { country: 'FR', prefix: null }

  test.each<[RejectRule, string, string, boolean]>([
    [france, 'FR', '06 12 34 56 78', true],
    // The country is that of the number, not the one that was claimed.
    [france, 'GB', '+33 6 12 34 56 78', true],
    [france, 'FR', '+44 7700 900750', false],
    [{ country: null, prefix: '33' }, 'FR', '06 12 34 56 78', true],
    [{ country: null, prefix: '3361' }, 'FR', '07 12 34 56 78', false],
    [{ country: 'FR', prefix: '33' }, 'FR', '06 12 34 56 78', true],
    [{ country: 'FR', prefix: '337' }, 'FR', '06 12 34 56 78', false],
    // A number of a reserved range belongs to no country for sure.
    [{ country: 'GB', prefix: null }, 'GB', '07700 900123', true],
    [{ country: 'CA', prefix: null }, 'US', '(201) 555-0123', false],
    [{ country: null, prefix: null }, 'GB', '07700 900123', false],
  ])('%j with %s %s', async (rule, country, number, isRejected) => {
    const answer = read(country, number, [rule])
    if (isRejected) await expect(answer).rejects.toMatchObject({ code: 'destination-rejected' })
    else expect((await answer).address).toMatch(/^[1-9][0-9]{4,14}$/)
  })
})

test('the calling code and the country of the number are told', async () => {
  expect(await read('GB', '+33 6 12 34 56 78')).toMatchObject({ country: 'FR', callingCode: '33' })
})
