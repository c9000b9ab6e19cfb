import { z } from '../platform/shape.ts'
import { parseDuration } from './duration.ts'

/** The kinds of values a configuration is made of. */

export const text = z.string().min(1, 'expected text, got nothing')

export const filePath = text.refine((value) => !value.includes('\0'), {
  message: 'expected a file name',
})

export const host = z
  .string()
  .regex(
    /^[A-Za-z0-9.:_-]{1,253}$/,
    'expected a host name or an IP address (IPv6 without brackets)',
  )

/** 0 lets the system choose. */
export const port = z
  .int()
  .min(0, 'expected a port, 0 to 65535')
  .max(65_535, 'expected a port, 0 to 65535')

export const webUrl = z.string().refine(isWebUrl, {
  message: 'expected a URL that begins with https:// (or http://), without user, ? or #',
})

/** Durations stay text until the configuration is complete, so that `config dump` shows what was written. */
export function duration({
  fromMs,
  toMs,
}: {
  fromMs: number
  toMs: number
}): z.ZodType<string, string> {
  return z.string().superRefine((value, context) => {
    const ms = parseDuration(value)
    if (ms === null) {
      context.addIssue({
        code: 'custom',
        message: 'expected a duration such as 500ms, 10s, 5m, 24h or 7d',
      })
    } else if (ms < fromMs || ms > toMs) {
      context.addIssue({
        code: 'custom',
        message: `expected a duration from ${fromMs}ms to ${toMs}ms, got ${ms}ms`,
      })
    }
  })
}

function isWebUrl(value: string): boolean {
  if (value.length > 500 || !URL.canParse(value)) return false
  const url = new URL(value)
  if (url.protocol !== 'https:' && url.protocol !== 'http:') return false
  return url.username === '' && url.password === '' && url.search === '' && url.hash === ''
}
