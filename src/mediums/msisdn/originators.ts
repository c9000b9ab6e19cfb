import { countriesOf } from './phone-numbers.ts'

/**
 * Who is shown as the sender, by `default`, country of the destination (`FR`) or its calling code (`33`); several are
 * shared out over the numbers.
 */
export type Originators = Readonly<Record<string, readonly string[]>>

const codeDigitsMax = 7

/**
 * For E.164 digits: that of the country, else of the longest calling code that fits, else the default; null when
 * there is none. The same person always sees the same one.
 */
export async function pickOriginator(
  originators: Originators,
  address: string,
): Promise<string | null> {
  const choices = new Map(Object.entries(originators))
  const choice = (await byCountry(choices, address)) ?? byCode(choices, address)
  const among = choice ?? choices.get('default') ?? []
  return among[digitSum(address) % among.length] ?? null
}

async function byCountry(
  choices: ReadonlyMap<string, readonly string[]>,
  address: string,
): Promise<readonly string[] | undefined> {
  if (![...choices.keys()].some((key) => /^[A-Z]{2}$/.test(key))) return undefined
  for (const country of await countriesOf(address)) {
    const choice = choices.get(country)
    if (choice !== undefined) return choice
  }
  return undefined
}

function byCode(
  choices: ReadonlyMap<string, readonly string[]>,
  address: string,
): readonly string[] | undefined {
  for (let digits = codeDigitsMax; digits > 0; digits--) {
    const choice = choices.get(address.slice(0, digits))
    if (choice !== undefined) return choice
  }
  return undefined
}

function digitSum(address: string): number {
  return [...address].reduce((sum, digit) => sum + Number(digit), 0)
}
