/** Whether one of the patterns (a name, `*.example.org`, or `*` for all) covers a homeserver; letters in any case. */
export function isHomeserverCovered(patterns: readonly string[], serverName: string): boolean {
  const name = serverName.toLowerCase()
  return patterns.some((pattern) => {
    const wanted = pattern.toLowerCase()
    if (wanted === '*') return true
    return wanted.startsWith('*.') ? name.endsWith(wanted.slice(1)) : name === wanted
  })
}
