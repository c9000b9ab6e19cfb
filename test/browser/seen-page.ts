import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect } from 'vitest'
import type { Page, Screen } from './chromium.ts'

const script = readFileSync(join(import.meta.dirname, 'inspect-page.js'), 'utf8')

export type SeenPage = {
  readonly title: string
  readonly lang: string
  readonly text: string
  /** Luminance of what is behind everything. */
  readonly back: number
  readonly texts: readonly { text: string; contrast: number; pixels: number }[]
  readonly overflowPixels: number
  readonly jutting: readonly string[]
  readonly targets: readonly { text: string; isInText: boolean; height: number; width: number }[]
  readonly scripts: readonly string[]
}

export function inspect(page: Page): Promise<SeenPage> {
  return page.evaluate(script)
}

/** WCAG 2.2: 1.4.3 contrast, 1.4.10 reflow, 2.5.8 target size (targets within sentences are exempt there). */
export function expectReadable(seen: SeenPage, screen: Pick<Screen, 'colorScheme'>): void {
  expect(seen.texts.length).toBeGreaterThan(2)
  expect(seen.texts.filter(({ contrast }) => contrast < 4.5)).toEqual([])
  expect(seen.texts.filter(({ pixels }) => pixels < 13)).toEqual([])
  expect(seen.overflowPixels).toBeLessThanOrEqual(0)
  expect(seen.jutting).toEqual([])
  const small = ({ isInText, height, width }: SeenPage['targets'][number]): boolean =>
    !isInText && (height < 44 || width < 44)
  expect(seen.targets.filter(small)).toEqual([])
  expect(seen.scripts).toEqual([])
  expect(seen.title.trim()).not.toBe('')
  if (screen.colorScheme === 'dark') expect(seen.back).toBeLessThan(0.2)
  else expect(seen.back).toBeGreaterThan(0.7)
}
