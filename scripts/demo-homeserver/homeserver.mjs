// No homeserver: a stand-in for trying things out. It vouches for anybody who comes with a token like `demo-alice`,
// and takes note of bindings without doing anything about them. Nodes ask it as they would ask a real one, over TLS;
// only its address and its authority are let in by their configuration.
import { createServer } from 'node:https'

const tokenPattern = /^demo-([a-z0-9._-]{1,64})$/

/** What a user hands to a node to register there, as a homeserver's openid/request_token answers it. */
export function openidToken(localpart, name) {
  return {
    access_token: `demo-${localpart}`,
    token_type: 'Bearer',
    matrix_server_name: name,
    expires_in: 3_600,
  }
}

/** `name` is its Matrix server name, `listenHost` where it listens if that is another. */
export async function startDemoHomeserver({ name, port, listenHost, cert, key }) {
  const server = createServer({ cert, key, minVersion: 'TLSv1.2' }, (request, response) => {
    const [status, body] = answerTo(request, name)
    request.resume()
    response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body))
  })
  await new Promise((resolve, reject) => {
    server.once('error', reject)
    server.listen(port, listenHost, resolve)
  })
  return {
    name,
    stop() {
      server.closeAllConnections()
      return new Promise((resolve) => server.close(resolve))
    },
  }
}

function answerTo({ method, url }, name) {
  const asked = `https://homeserver${url}`
  const { pathname, searchParams } = new URL(URL.canParse(asked) ? asked : 'https://homeserver/')
  if (method === 'GET' && pathname === '/_matrix/federation/v1/openid/userinfo') {
    const localpart = tokenPattern.exec(searchParams.get('access_token') ?? '')?.[1]
    return localpart === undefined
      ? [401, { errcode: 'M_UNKNOWN_TOKEN', error: 'expected a token such as demo-alice' }]
      : [200, { sub: `@${localpart}:${name}` }]
  }
  if (method === 'POST' && pathname === '/_matrix/federation/v1/3pid/onbind') return [200, {}]
  return [404, { errcode: 'M_UNRECOGNIZED', error: 'this is a homeserver for demonstrations only' }]
}
