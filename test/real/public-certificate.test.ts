import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { connect } from 'node:tls'
import { afterAll, expect, test } from 'vitest'
import { makeCertificate, type Pair } from './homeserver-fixture.ts'
import { until } from './mesh-parties.ts'
import { TestMesh } from './node-processes.ts'

const mesh = new TestMesh()

afterAll(() => mesh.end())

/** Fingerprint of the certificate a new connection is shown. */
function shown(port: number): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = connect({ host: '127.0.0.1', port, rejectUnauthorized: false }, () => {
      resolve(socket.getPeerCertificate().fingerprint256)
      socket.destroy()
    })
    socket.once('error', reject)
  })
}

/** The certificate that follows the one given. */
async function otherThan(former: string, port: number): Promise<string> {
  const endMs = Date.now() + 10_000
  for (;;) {
    const now = await shown(port)
    if (now !== former) return now
    if (Date.now() > endMs) throw new Error('expected another certificate within 10 s')
    await sleep(20)
  }
}

test('SIGHUP takes a renewed certificate, and a broken one leaves the former in place', async () => {
  const files = { cert: join(mesh.folder, 'web.pem'), key: join(mesh.folder, 'web.key') }
  const write = ({ cert, key }: Pair): void => {
    writeFileSync(files.cert, cert)
    writeFileSync(files.key, key, { mode: 0o600 })
  }
  write(await makeCertificate(['id.example.org']))
  const node = await mesh.make('paris')
  const config = JSON.parse(readFileSync(node.config, 'utf8')) as { listen: { public: object } }
  const listen = { ...config.listen, public: { ...config.listen.public, tls: files } }
  writeFileSync(node.config, JSON.stringify({ ...config, listen }))
  const running = await mesh.start(node)
  const first = await shown(node.ports.public)

  write(await makeCertificate(['id.example.org']))
  running.signal('SIGHUP')
  const second = await otherThan(first, node.ports.public)

  writeFileSync(files.cert, 'not a certificate')
  running.signal('SIGHUP')
  await until('the fault is told', () => running.events('task-failed').length > 0, 10_000)
  expect(await shown(node.ports.public)).toBe(second)
})
