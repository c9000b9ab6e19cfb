import { spawn, spawnSync, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { connect, createServer, type AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { Agent, request, setGlobalDispatcher } from 'undici'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { parse } from 'yaml'
import { makeCertificate, type Pair } from './homeserver-fixture.ts'
import { IdentitySite } from './identity-site.ts'
import type { RunningNode } from './node-processes.ts'

/** The samples of docs/proxies as they are, but for addresses, certificates and where logs go. */

const samples = join(import.meta.dirname, '../../docs/proxies')
const burst = 4

type Place = { readonly folder: string; readonly port: number; readonly nodePort: number }

type Program = {
  readonly name: string
  readonly path: string
  /** Makes the configuration out of the sample and answers its file. */
  readonly configure: (place: Place) => string
  readonly check: (file: string, place: Place) => string[]
  readonly run: (file: string, place: Place) => string[]
}

function sample(name: string): string {
  return readFileSync(join(samples, name), 'utf8')
}

/** Fails when the sample no longer has what is to be put elsewhere. */
function swap(text: string, changes: readonly (readonly [RegExp, string])[]): string {
  return changes.reduce((changed, [pattern, by]) => {
    expect(changed).toMatch(pattern)
    return changed.replace(pattern, () => by)
  }, text)
}

const nginx: Program = {
  name: 'nginx',
  path: '/usr/sbin/nginx',
  configure: ({ folder, port, nodePort }) => {
    const site = swap(sample('nginx.conf'), [
      [/127\.0\.0\.1:8090/, `127.0.0.1:${nodePort}`],
      [/listen 443 ssl http2;/, `listen 127.0.0.1:${port} ssl http2;`],
      [/listen \[::\]:443 ssl http2;/, ''],
      [/\/etc\/letsencrypt\/\S+fullchain\.pem/, join(folder, 'cert.pem')],
      [/\/etc\/letsencrypt\/\S+privkey\.pem/, join(folder, 'key.pem')],
      [/\/var\/log\/nginx\/mycelid\.access\.log/, join(folder, 'access.log')],
      [/\/var\/log\/nginx\/mycelid\.error\.log/, join(folder, 'error.log')],
    ])
    writeFileSync(join(folder, 'site.conf'), site)
    const places = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi']
    const main = [
      ...(process.getuid?.() === 0 ? ['user root;'] : []),
      ...['daemon off;', `pid ${folder}/nginx.pid;`, 'events {}', 'http {'],
      ...places.map((place) => `${place}_temp_path ${folder}/${place};`),
      ...[`include ${folder}/site.conf;`, '}'],
    ]
    writeFileSync(join(folder, 'nginx.conf'), main.join('\n'))
    return join(folder, 'nginx.conf')
  },
  check: (file, { folder }) => ['-t', '-c', file, '-p', folder, '-e', join(folder, 'main.log')],
  run: (file, { folder }) => ['-c', file, '-p', folder, '-e', join(folder, 'main.log')],
}

const caddy: Program = {
  name: 'caddy',
  path: '/usr/bin/caddy',
  configure: ({ folder, port, nodePort }) => {
    const text = swap(sample('Caddyfile'), [
      [/127\.0\.0\.1:8090/, `127.0.0.1:${nodePort}`],
      [/^\{\n/m, `{\n\tadmin off\n\tauto_https off\n\tstorage file_system ${folder}/storage\n`],
      [
        /id\.example\.org \{\n/,
        `https://127.0.0.1:${port} {\n\ttls ${folder}/cert.pem ${folder}/key.pem\n`,
      ],
    ])
    writeFileSync(join(folder, 'Caddyfile'), text)
    return join(folder, 'Caddyfile')
  },
  check: (file) => ['validate', '--adapter', 'caddyfile', '--config', file],
  run: (file) => ['run', '--adapter', 'caddyfile', '--config', file],
}

async function freePort(): Promise<number> {
  const server = createServer()
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  await new Promise((resolve) => server.close(resolve))
  return port
}

/** Resolves when somebody listens. */
async function untilListening(port: number): Promise<void> {
  const deadline = performance.now() + 15_000
  for (;;) {
    const socket = connect(port, '127.0.0.1')
    const [outcome] = await Promise.race([
      once(socket, 'connect').then(() => ['there']),
      once(socket, 'error').then(() => ['not yet']),
    ]).catch(() => ['not yet'])
    socket.destroy()
    if (outcome === 'there') return
    if (performance.now() > deadline) throw new Error(`nobody listens at ${port}`)
    await pause(20)
  }
}

/** A site whose clients reach its node through the proxy alone. */
class ProxiedSite extends IdentitySite {
  readonly folder = mkdtempSync(join(tmpdir(), 'mycelid-proxy-'))
  port = 0
  output = ''
  node: RunningNode | null = null
  #proxy: ChildProcess | null = null
  #pair: Pair = { cert: '', key: '' }

  override url(path: string): string {
    return `https://127.0.0.1:${this.port}/_matrix/identity${path}`
  }

  async startBehind(program: Program): Promise<void> {
    this.port = await freePort()
    this.#pair = await makeCertificate([], ['127.0.0.1'])
    writeFileSync(join(this.folder, 'cert.pem'), this.#pair.cert)
    writeFileSync(join(this.folder, 'key.pem'), this.#pair.key)
    setGlobalDispatcher(this.client('127.0.0.1', true))
    process.env['MYCELID_NODE__PUBLIC_BASE_URL'] = `https://127.0.0.1:${this.port}`
    this.node = await this.start({
      trusted_proxies: ['127.0.0.1'],
      rate_limits: { burst: 1_000, per_second: 1_000, client: { burst, per_second: 0.001 } },
    })
    this.#launch(program)
    await untilListening(this.port)
  }

  #launch(program: Program): void {
    const { folder, port } = this
    const place = { folder, port, nodePort: this.nodes[0]?.ports.public ?? 0 }
    const file = program.configure(place)
    const checked = spawnSync(program.path, program.check(file, place), { encoding: 'utf8' })
    expect(checked.status, checked.stderr).toBe(0)
    const proxy = spawn(program.path, program.run(file, place), {
      env: { ...process.env, HOME: folder },
    })
    for (const stream of [proxy.stdout, proxy.stderr]) {
      stream.on('data', (text: Buffer) => (this.output += text.toString()))
    }
    this.#proxy = proxy
  }

  /** A client at its own address of loopback. */
  client(localAddress: string, allowH2 = false): Agent {
    return new Agent({ allowH2, localAddress, connect: { ca: this.#pair.cert } })
  }

  /** All that the proxy wrote down. */
  logs(): string {
    const files = readdirSync(this.folder).filter((name) => name.endsWith('.log'))
    return files.map((name) => readFileSync(join(this.folder, name), 'utf8')).join('') + this.output
  }

  async endBehind(): Promise<string[]> {
    const ended = new Promise((resolve) => this.#proxy?.once('exit', resolve) ?? resolve(null))
    this.#proxy?.kill('SIGTERM')
    await ended
    const leaks = await this.end()
    rmSync(this.folder, { recursive: true, force: true })
    return leaks
  }
}

describe.each([nginx, caddy])('docs/proxies, $name', (program) => {
  const isHere = existsSync(program.path)
  const site = new ProxiedSite()

  beforeAll(async () => {
    if (isHere) await site.startBehind(program)
  })

  afterAll(async () => {
    if (isHere) expect(await site.endBehind()).toEqual([])
  })

  /** Registrations that the address limit let through, of so many. */
  async function countServed(from: string, tries: number): Promise<number> {
    const dispatcher = site.client(from)
    let served = 0
    for (let index = 0; index < tries; index++) {
      const { statusCode, body } = await request(site.url('/v2/account/register'), {
        method: 'POST',
        body: '{}',
        dispatcher,
        headers: { 'x-forwarded-for': `198.51.100.${index}`, forwarded: 'for=198.51.100.9' },
      })
      await body.dump()
      expect([400, 429]).toContain(statusCode)
      if (statusCode !== 429) served++
    }
    await dispatcher.close()
    return served
  }

  test.skipIf(!isHere)(
    'an address is validated by its link, bound and found through it',
    async () => {
      const alice = await site.register('alice')
      const address = site.mesh.address('alice')
      const session = await site.validate(alice, address)
      const mxid = site.homeserver.mxid('alice')
      expect((await site.post('/v2/3pid/bind', { ...session, mxid }, alice)).status).toBe(200)
      const { json } = await site.get(`/v2/hash_details?access_token=${alice}`)
      const pepper = String(json['lookup_pepper'])
      const lookup = { algorithm: 'none', pepper, addresses: [`${address} email`] }
      const found = await site.post('/v2/lookup', lookup, alice)
      expect(found.json['mappings']).toEqual({ [`${address} email`]: mxid })
      expect(found.headers['cache-control']).toBe('no-store')
      expect(site.logs()).not.toContain(alice)
      expect(site.logs()).not.toContain(session.sid)
    },
  )

  test.skipIf(!isHere)(
    'CORS headers come once, also with refusals, and preflights get through',
    async () => {
      const preflight = await request(site.url('/v2/lookup'), { method: 'OPTIONS' })
      await preflight.body.dump()
      expect(preflight.statusCode).toBe(200)
      expect(preflight.headers['access-control-allow-origin']).toBe('*')
      const refused = await site.get('/v2/account')
      expect([refused.status, refused.json['errcode']]).toEqual([401, 'M_UNAUTHORIZED'])
      expect(refused.headers['access-control-allow-origin']).toBe('*')
      const unknown = await site.get('/v2/nothing')
      expect([unknown.status, unknown.json['errcode']]).toEqual([404, 'M_UNRECOGNIZED'])
    },
  )

  test.skipIf(!isHere)('a body beyond the limit of the node is refused by the node', async () => {
    const big = await site.post('/v2/account/register', { access_token: 'x'.repeat(600_000) })
    expect([big.status, big.json['errcode']]).toEqual([413, 'M_TOO_LARGE'])
    expect(big.headers['access-control-allow-origin']).toBe('*')
  })

  test.skipIf(!isHere)(
    'limits count the address of the client, whatever it says of itself',
    async () => {
      expect(await countServed('127.0.0.2', burst + 3)).toBe(burst)
      expect(await countServed('127.0.0.3', burst + 3)).toBe(burst)
    },
  )

  test.skipIf(!isHere)('nothing but the Matrix API gets through', async () => {
    const paths = [
      '/',
      '/metrics',
      '/status',
      '/health/ready',
      '/_mesh/v1/heads',
      '/_matrix/client',
    ]
    for (const path of paths) {
      const { statusCode, headers, body } = await request(`https://127.0.0.1:${site.port}${path}`)
      await body.dump()
      // The node would answer with an id of the request.
      expect([path, statusCode, headers['x-request-id']]).toEqual([path, 404, undefined])
    }
  })

  test.skipIf(!isHere)(
    'a node that is down is answered for, and no query is written down',
    async () => {
      await site.node?.kill()
      const query = 'token=secrettoken&sid=secretsid&client_secret=secretsecret'
      const { statusCode, body } = await request(
        site.url(`/v2/validate/email/submitToken?${query}`),
      )
      await body.dump()
      expect(statusCode).toBe(502)
      expect(site.logs()).not.toContain('secret')
    },
  )
})

test('docs/proxies, Traefik: the public path alone leads to the public listener', () => {
  const { http } = parse(sample('traefik.yaml')) as {
    http: {
      routers: Record<string, { rule: string; middlewares: string[]; service: string }>
      middlewares: Record<string, { buffering: { maxRequestBodyBytes: number } }>
      services: Record<string, { loadBalancer: { servers: { url: string }[] } }>
    }
  }
  expect(Object.keys(http).toSorted()).toEqual(['middlewares', 'routers', 'services'])
  const [router, ...others] = Object.values(http.routers)
  expect(others).toEqual([])
  expect(router?.rule).toBe('Host(`id.example.org`) && PathPrefix(`/_matrix/identity/`)')
  const [limit] = router?.middlewares ?? []
  expect(http.middlewares[limit ?? '']?.buffering.maxRequestBodyBytes).toBeGreaterThan(512 * 1024)
  const servers = http.services[router?.service ?? '']?.loadBalancer.servers
  expect(servers).toEqual([{ url: 'http://127.0.0.1:8090' }])
})
