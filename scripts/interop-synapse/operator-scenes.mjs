// What operators go through: servers that are away for a while, and logs that others will read.
import { readFileSync } from 'node:fs'
import { outputFile } from './identity-server.mjs'
import { expect } from './report.mjs'
import { becomesInvited, bindEmailDirectly, inviteUnbound } from './scenes.mjs'

/** The homeserver is down while its user binds, and Mycelid starts anew before it is back: nothing is lost. */
export async function outage(stage, { inviter, invited, roomVersion }) {
  const { report, site, identity, homes } = stage
  const home = homes.find(({ name }) => name === invited.user.homeserver)
  const { roomId } = await inviteUnbound(stage, { inviter, invited, roomVersion })
  await report.step(`the homeserver of ${invited.localpart} goes down`, async () => {
    await site.end(home)
    return ['stopped']
  })
  await bindEmailDirectly(stage, invited)
  await report.step('Mycelid starts anew', async () => {
    await site.end(identity)
    await site.startIdentity(identity)
    return ['ready']
  })
  await report.step(`the homeserver of ${invited.localpart} is back`, async () => {
    await site.startHome(home)
    return ['serving']
  })
  await becomesInvited(stage, invited, { roomId, inviter })
}

/** After all that: neither an address nor a token in what Mycelid wrote. */
export async function saysNothingPrivate({ report, identity }, people, phones) {
  await report.step('the log of Mycelid holds no address and no token', async () => {
    const log = readFileSync(outputFile(identity), 'utf8')
    const secrets = people.flatMap(({ account, address }) => [account.idAccessToken, address])
    const numbers = phones.map(({ msisdn }) => msisdn)
    const leaked = [...secrets, ...numbers].filter((one) => log.includes(one))
    expect(leaked.length === 0, `expected none of ${secrets.length + numbers.length}`, leaked)
    return [`${log.split('\n').length - 1} lines`]
  })
}
