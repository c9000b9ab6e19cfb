// Finds ports of the loopback address that nobody listens on.
import { createServer } from 'node:net'

const host = '127.0.0.1'

function tryPort(port) {
  return new Promise((resolve) => {
    const server = createServer()
    server.once('error', () => resolve(null))
    server.listen({ host, port, exclusive: true }, () => {
      const { port: got } = server.address()
      server.close(() => resolve(got))
    })
  })
}

/** The ports asked for, each replaced by another where it is taken. They stay free only if nobody is quicker. */
export async function freePorts(wanted) {
  const found = []
  for (const port of wanted) {
    let free = await tryPort(port)
    while (free === null || found.includes(free)) free = await tryPort(0)
    found.push(free)
  }
  return found
}
