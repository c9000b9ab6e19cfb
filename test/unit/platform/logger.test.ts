import { expect, test } from 'vitest'
import { createLogger, type LogLevel, type RootLogger } from '../../../src/platform/logger.ts'

function collecting(level: LogLevel): { logger: RootLogger; lines: Record<string, unknown>[] } {
  const lines: Record<string, unknown>[] = []
  const destination = {
    write: (text: string) => void lines.push(JSON.parse(text) as Record<string, unknown>),
  }
  return { logger: createLogger({ level, destination }), lines }
}

test('members with the names of secrets never leave, however deep they sit', () => {
  const { logger, lines } = collecting('info')
  const secrets = { address: 'a@b.example', access_token: 'myc_x', pepper: 'p', client_secret: 'c' }
  logger.info({ ...secrets, body: { ...secrets, inner: secrets } }, 'said')
  expect(JSON.stringify(lines)).not.toMatch(/a@b|myc_x|"p"|"c"/)
  expect(lines[0]).toMatchObject({ level: 'info', msg: 'said', address: '[redacted]' })
})

test('a change of level reaches children made before', () => {
  const { logger, lines } = collecting('info')
  const child = logger.child({ peer: 'lyon' })
  child.debug({}, 'unheard')
  logger.setLevel('debug')
  child.debug({}, 'heard')
  expect(lines).toMatchObject([{ msg: 'heard', peer: 'lyon' }])
})
