const pattern = /^(0|[1-9][0-9]{0,8})(ms|s|m|h|d)$/
const unitsMs: Readonly<Record<string, number>> = {
  ms: 1,
  s: 1_000,
  m: 60_000,
  h: 3_600_000,
  d: 86_400_000,
}

/** `500ms`, `10s`, `5m`, `24h`, `7d` in milliseconds; null when the text is no duration. */
export function parseDuration(text: string): number | null {
  const [, digits, unit] = pattern.exec(text) ?? []
  if (digits === undefined || unit === undefined) return null
  return Number(digits) * (unitsMs[unit] ?? 0)
}
