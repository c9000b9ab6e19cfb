import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import type { DeliveryFault, Medium, OutboundMessage } from '../../src/mediums/medium.ts'

/** A medium with the next hop it hands its messages to. */
export type MediumUnderTest = {
  /** A medium of its own, closed by the test. */
  open(): Medium
  readonly message: OutboundMessage
  /** What the next hop does from now on. */
  behave(how: 'take' | 'defer' | 'reject' | 'be-silent' | 'hang-up'): void
  /** Recipients of the messages taken, as the next hop understood them. */
  readonly taken: string[]
  /** As the next hop names the address of `message`. */
  readonly recipient: string
  stop(): Promise<void>
}

/** What every medium promises, whatever it hands its messages to. */
export function mediumContract(name: string, start: () => Promise<MediumUnderTest>): void {
  describe(`medium: ${name}`, () => {
    let hop: MediumUnderTest
    const open: Medium[] = []

    const medium = (): Medium => {
      const made = hop.open()
      open.push(made)
      return made
    }

    const faultOf = (sent: Promise<void>): Promise<DeliveryFault> =>
      sent.then(
        () => Promise.reject(new Error('it was taken')),
        (fault: DeliveryFault) => fault,
      )

    beforeAll(async () => {
      hop = await start()
    })

    beforeEach(() => {
      hop.taken.length = 0
      hop.behave('take')
    })

    afterAll(async () => {
      await Promise.all(open.map((one) => one.close()))
      await hop.stop()
    })

    test('a message that was sent is with the next hop, for the one address', async () => {
      await medium().send(hop.message)
      expect(hop.taken).toEqual([hop.recipient])
    })

    test('many at once all arrive', async () => {
      const one = medium()
      expect(one.parallelMax).toBeGreaterThan(0)
      await Promise.all(Array.from({ length: 20 }, () => one.send(hop.message)))
      expect(hop.taken).toHaveLength(20)
    })

    test('not now is a temporary fault, and the medium works on', async () => {
      const one = medium()
      hop.behave('defer')
      const fault = await faultOf(one.send(hop.message))
      expect(fault).toMatchObject({ name: 'DeliveryFault', reason: 'deferred', isPermanent: false })
      hop.behave('take')
      await one.send(hop.message)
    })

    test('never is a permanent fault', async () => {
      hop.behave('reject')
      const fault = await faultOf(medium().send(hop.message))
      expect(fault).toMatchObject({ reason: 'rejected', isPermanent: true })
      expect(fault.status).toBeGreaterThanOrEqual(400)
    })

    test('a connection that breaks is a temporary fault', async () => {
      hop.behave('hang-up')
      const fault = await faultOf(medium().send(hop.message))
      expect(fault).toMatchObject({ reason: 'unreachable', isPermanent: false })
    })

    test('no fault repeats the address or the token', async () => {
      for (const how of ['defer', 'reject', 'hang-up'] as const) {
        hop.behave(how)
        const fault = await faultOf(medium().send(hop.message))
        const told = `${fault.message} ${fault.stack} ${String(fault.cause)} ${JSON.stringify(fault)}`
        expect(told).not.toContain(hop.message.address)
        expect(told).not.toContain(hop.message.token)
      }
    })

    test('a send that is given up ends at once', async () => {
      hop.behave('be-silent')
      const giveUp = new AbortController()
      const sent = faultOf(medium().send(hop.message, giveUp.signal))
      giveUp.abort()
      expect(await sent).toMatchObject({ reason: 'aborted', isPermanent: false })
      const late = faultOf(medium().send(hop.message, AbortSignal.abort()))
      expect(await late).toMatchObject({ reason: 'aborted' })
    })

    test('closing ends the sends under way', async () => {
      hop.behave('be-silent')
      const one = medium()
      const sent = faultOf(one.send(hop.message))
      await one.close()
      expect(await sent).toMatchObject({ name: 'DeliveryFault', isPermanent: false })
      expect(await faultOf(one.send(hop.message))).toMatchObject({ reason: 'aborted' })
    })
  })
}
