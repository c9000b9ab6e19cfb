/** What users have to accept before they may use this server (Identity Service API, "Terms of service"). */

export type PolicyText = {
  readonly language: string
  readonly name: string
  readonly url: string
}

export type Policy = {
  readonly id: string
  readonly version: string
  /** One per language, at least one. */
  readonly texts: readonly PolicyText[]
}

/**
 * What is kept of an acceptance: version and URL, so that a policy that changed under the same URL is asked for again.
 * URLs have no spaces.
 */
export function acceptanceOf({ version }: Policy, { url }: PolicyText): string {
  return `${url} ${version}`
}

/** Whether each policy was accepted in some language. */
export function areAllAccepted(policies: readonly Policy[], accepted: readonly string[]): boolean {
  const known = new Set(accepted)
  return policies.every((policy) =>
    policy.texts.some((text) => known.has(acceptanceOf(policy, text))),
  )
}

/** The acceptances that a list of URLs amounts to. URLs of no policy of ours amount to none. */
export function acceptancesFor(policies: readonly Policy[], urls: readonly string[]): string[] {
  const wanted = new Set(urls)
  const found = new Set<string>()
  for (const policy of policies) {
    for (const text of policy.texts) if (wanted.has(text.url)) found.add(acceptanceOf(policy, text))
  }
  return [...found]
}
