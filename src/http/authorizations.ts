/** Every Authorization header of a request, in order. `request.headers` holds the first alone (Node's rule). */
export function authorizationsOf(rawHeaders: readonly string[]): readonly string[] {
  const values: string[] = []
  for (let i = 0; i < rawHeaders.length; i += 2) {
    if (isAuthorization(rawHeaders[i])) values.push(rawHeaders[i + 1] ?? '')
  }
  return values
}

export function countAuthorizations(rawHeaders: readonly string[]): number {
  let count = 0
  for (let i = 0; i < rawHeaders.length; i += 2) if (isAuthorization(rawHeaders[i])) count++
  return count
}

function isAuthorization(name: string | undefined): boolean {
  return name?.length === 13 && name.toLowerCase() === 'authorization'
}
