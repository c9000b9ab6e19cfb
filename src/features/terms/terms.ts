import { acceptancesFor, areAllAccepted, type Policy } from '../../domain/policy.ts'

/** What users accepted, as domain/policy.ts writes it. */
export type Acceptances = {
  read(mxid: string): Promise<readonly string[]>
  /** Durable when it resolves; what was accepted before stays. */
  add(mxid: string, accepted: readonly string[]): Promise<void>
}

export type TermsDeps = {
  readonly policies: readonly Policy[]
  readonly acceptances: Acceptances
}

/** The `policies` of the Identity Service API: per id the version, and name and URL per language. */
export function describePolicies(policies: readonly Policy[]): object {
  // fromEntries makes own members of whatever name, `__proto__` among them.
  return Object.fromEntries(
    policies.map(({ id, version, texts }) => [
      id,
      Object.fromEntries([
        ['version', version],
        ...texts.map(({ language, name, url }) => [language, { name, url }]),
      ]),
    ]),
  )
}

/** Adds to what the user accepted before; clients also send URLs of other services, which mean nothing here. */
export async function acceptTerms(
  { policies, acceptances }: TermsDeps,
  { mxid, urls }: { mxid: string; urls: readonly string[] },
): Promise<void> {
  const accepted = acceptancesFor(policies, urls)
  if (accepted.length === 0) return
  const before = new Set(await acceptances.read(mxid))
  const added = accepted.filter((one) => !before.has(one))
  if (added.length > 0) await acceptances.add(mxid, added)
}

/** Whether the user may use what asks for accepted terms. */
export async function hasAcceptedTerms(
  { policies, acceptances }: TermsDeps,
  mxid: string,
): Promise<boolean> {
  return policies.length === 0 || areAllAccepted(policies, await acceptances.read(mxid))
}
