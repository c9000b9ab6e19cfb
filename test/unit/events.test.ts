import { Registry } from 'prom-client'
import { expect, test } from 'vitest'
import { createEvents } from '../../src/events.ts'
import { createLogger } from '../../src/platform/logger.ts'

function made() {
  const lines: Record<string, unknown>[] = []
  const destination = {
    write: (text: string) => void lines.push(JSON.parse(text) as Record<string, unknown>),
  }
  const events = createEvents({
    logger: createLogger({ level: 'debug', destination }),
    registry: new Registry(),
  })
  return { events, lines }
}

const log = 'paris.id.example.org/site~aaaaaaaa'

test('an event is a log line and a counter', async () => {
  const { events, lines } = made()
  events.chunkRefused({ peer: 'lyon', log, code: 'root-mismatch', message: 'the root differs' })
  expect(lines).toMatchObject([
    {
      level: 'warn',
      event: 'chunk-refused',
      peer: 'lyon',
      log,
      code: 'root-mismatch',
      reason: 'the root differs',
    },
  ])
  expect(await events.metrics()).toContain(
    'mycelid_chunks_refused_total{peer="lyon",code="root-mismatch"} 1',
  )
})

test('a peer cannot fill the metrics with codes or methods it makes up', async () => {
  const { events } = made()
  for (let i = 0; i < 5; i++) {
    events.pushRefused({ peer: 'lyon', log, code: `made-up-${i}`, message: '' })
    events.requestServed({ route: '/v2', method: `X${i}`, status: 200, seconds: 0.001 })
  }
  const text = await events.metrics()
  expect(text).toContain('mycelid_pushes_refused_total{peer="lyon",code="other"} 5')
  expect(text).toContain('mycelid_requests_total{route="/v2",method="other",status="200"} 5')
})

test('gauges follow what happened last', async () => {
  const { events } = made()
  events.ready()
  events.storageFailed('storage-full')
  events.peerReachable('lyon')
  events.peerUnreachable('lyon', 'nothing listens there')
  let text = await events.metrics()
  expect(text).toMatch(/^mycelid_ready 1$/m)
  expect(text).toMatch(/^mycelid_storage_writable 0$/m)
  expect(text).toContain('mycelid_peer_reachable{peer="lyon"} 0')
  events.notReady('waiting')
  events.storageRecovered()
  events.peerRemoved('lyon')
  text = await events.metrics()
  expect(text).toMatch(/^mycelid_ready 0$/m)
  expect(text).toMatch(/^mycelid_storage_writable 1$/m)
  expect(text).not.toContain('peer="lyon"')
})

test('how long requests take is told by route, in buckets that add up', async () => {
  const { events } = made()
  for (const seconds of [0.0001, 0.0005, 0.003, 50]) {
    events.requestServed({ route: '/v2', method: 'GET', status: 200, seconds })
  }
  const text = await events.metrics()
  const lines = text.split('\n').filter((line) => line.includes('mycelid_request_seconds'))
  expect(lines[1]).toBe('# TYPE mycelid_request_seconds histogram')
  expect(lines).toContain('mycelid_request_seconds_bucket{le="0.0005",route="/v2"} 2')
  expect(lines).toContain('mycelid_request_seconds_bucket{le="0.005",route="/v2"} 3')
  expect(lines).toContain('mycelid_request_seconds_bucket{le="10",route="/v2"} 3')
  expect(lines).toContain('mycelid_request_seconds_bucket{le="+Inf",route="/v2"} 4')
  expect(lines).toContain('mycelid_request_seconds_count{route="/v2"} 4')
  expect(lines.find((line) => line.includes('_sum'))).toMatch(/ 50\.0036/)
})
