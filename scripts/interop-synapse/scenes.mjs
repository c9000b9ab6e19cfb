// What people do with a homeserver and an identity server, told in scenes that need nothing of each other.
import { expect } from './report.mjs'
import { IdentityAccount, linkWith } from './identity-account.mjs'
import { policyUrl } from './identity-server.mjs'
import { MatrixUser } from './matrix-user.mjs'

/** Somebody with an account at a homeserver and at the identity server, who accepted its terms. */
export async function arrive(stage, home, localpart) {
  const { report, calls, identity, mails, texts, until } = stage
  const user = await report.step(`${localpart} registers at a homeserver`, async () => {
    const made = await MatrixUser.register({ calls, home, localpart })
    return [made.mxid, made]
  })
  const account = new IdentityAccount({ calls, server: identity, mails, texts, until })
  await report.step(`${localpart} registers at Mycelid by OpenID`, async () => {
    await account.register(await user.openid())
    const before = await account.ask('GET', 'v2/account')
    expect(before.json?.errcode === 'M_TERMS_NOT_SIGNED', 'expected to be asked for terms', before)
    await account.post('v2/terms', { user_accepts: [policyUrl] })
    const { user_id: mxid } = await account.get('v2/account')
    expect(mxid === user.mxid, `expected ${user.mxid}`, mxid)
    return [`user_id ${mxid}`]
  })
  return { user, account, localpart, address: `${localpart}@example.org` }
}

/** Through the homeserver, as clients bind; the address is proved before. */
export async function bindEmail(stage, { user, account, localpart, address }) {
  const session = await proveEmail(stage, { account, localpart, address })
  await stage.report.step(`${localpart} binds the address through Synapse`, async () => {
    const answer = await user.ask('POST', 'account/3pid/bind', {
      ...session,
      ...account.credentials,
    })
    expect(answer.status === 200, 'expected 200', answer)
    return [`${answer.status} ${answer.text}`]
  })
}

/** Without asking the homeserver, which may be away: it is told by onbind. */
export async function bindEmailDirectly(stage, { user, account, localpart, address }) {
  const session = await proveEmail(stage, { account, localpart, address })
  await stage.report.step(`${localpart} binds the address at Mycelid`, async () => {
    const answer = await account.post('v2/3pid/bind', { ...session, mxid: user.mxid })
    expect(answer.address === address, 'expected the association', answer)
    return [`signed by ${Object.keys(answer.signatures).join()}`]
  })
}

function proveEmail({ report }, { account, localpart, address }) {
  return report.step(`${localpart} follows the link in the mail`, async () => {
    const session = await account.proveEmail(address)
    const proven = new URLSearchParams(session).toString()
    const { validated_at: at } = await account.get(`v2/3pid/getValidated3pid?${proven}`)
    expect(Number.isInteger(at), 'expected when it was validated', at)
    return [`validated_at ${new Date(at).toISOString()}`, session]
  })
}

export async function findsDirectly({ report }, { account }, owner) {
  await report.step(`the address of ${owner.localpart} is found by hash`, async () => {
    const found = await account.lookup('email', owner.address)
    expect(found === owner.user.mxid, `expected ${owner.user.mxid}`, found)
    return [found]
  })
}

export async function isForgotten({ report }, { account }, { medium, address, whose }) {
  await report.step(`the ${medium} address of ${whose} is found no more`, async () => {
    const found = await account.lookup(medium, address)
    expect(found === null, 'expected nobody', found)
    return ['no mapping']
  })
}

/** An address that is bound: Synapse looks it up and invites its owner at once. */
export async function inviteBound({ report, until }, inviter, owner) {
  const { user, account } = inviter
  await report.step(`Synapse looks up ${owner.localpart} and invites directly`, async () => {
    const roomId = await user.createRoom('Known address')
    const answer = await user.invite(roomId, { ...idOf(account), address: owner.address })
    expect(answer.status === 200, 'expected 200', answer)
    await until(`invitation of ${owner.localpart}`, async () => {
      return (await owner.user.standing(roomId))?.membership === 'invite'
    })
    const state = await user.roomState(roomId)
    expect(!state.some(isThirdParty), 'expected no third-party invitation in the room')
    return [`${answer.status}, membership invite in ${roomId.slice(0, 12)}…`]
  })
}

/** Homeservers hash as people type; what they miss is found when the invitation comes. */
export async function inviteBoundInCapitals({ report }, inviter, owner) {
  const { user, account } = inviter
  await report.step('an address in capitals is known at store-invite', async () => {
    const roomId = await user.createRoom('Known address in capitals')
    const address = owner.address.toUpperCase()
    const answer = await user.invite(roomId, { ...idOf(account), address })
    const state = await user.roomState(roomId)
    expect(!state.some(isThirdParty), 'expected no third-party invitation in the room')
    expect(answer.status >= 400, 'expected a refusal', answer)
    return [`${answer.status} ${answer.text}`]
  })
}

/** An address nobody has bound: a third-party invitation in the room, a mail to the address. */
export async function inviteUnbound({ report, webClient }, { inviter, invited, roomVersion }) {
  const { user, account, localpart } = inviter
  const { localpart: whom, address } = invited
  const roomId = await user.createRoom(`Room of ${localpart} for ${whom}`, roomVersion)
  const what = `${localpart} invites ${whom}, unbound (room version ${roomVersion})`
  const placed = await report.step(what, async () => {
    const answer = await user.invite(roomId, { ...idOf(account), address })
    expect(answer.status === 200, 'expected 200', answer)
    const event = (await user.roomState(roomId)).find(isThirdParty)
    expect(event !== undefined, 'expected m.room.third_party_invite in the room')
    const { display_name: shown, public_keys: keys } = event.content
    expect(!shown.includes(address), 'expected a name that hides the address', shown)
    expect(keys.length >= 2, 'expected a long-term and a one-time key', keys)
    return [`${answer.status}, shown as ${shown}`, event]
  })
  await report.step(`the keys in the room for ${whom} are valid`, async () => {
    const { public_keys: keys } = placed.content
    for (const key of keys) {
      expect(await account.isKeyValid(key), 'expected a valid key', key)
      const historic = key.key_validity_url.replace('/identity/v2/', '/identity/api/v1/')
      const sameAsBefore = { ...key, key_validity_url: historic }
      expect(await account.isKeyValid(sameAsBefore), 'expected a valid key in v1', sameAsBefore)
    }
    return [`${keys.length} keys, v2 and v1`]
  })
  const mail = await report.step(`${whom} gets a mail about it`, async () => {
    const found = await account.mailTo(address, webClient)
    return [found.subject, found]
  })
  return { roomId, mail, token: placed.state_key, inviter }
}

/** Markup in a name stays what was typed, in the room as in the mail; nobody has to bind anything for that. */
export async function inviteAtCreation({ report, webClient }, inviter, address) {
  const { user, account, localpart } = inviter
  const name = '<b>Tea</b> & "cake" {{ token }}'
  await report.step(`${localpart} creates a space for an address`, async () => {
    const settings = { name, creation_content: { type: 'm.space' } }
    const { credentials } = account
    const roomId = await user.createRoomFor(settings, { medium: 'email', address, credentials })
    const event = (await user.roomState(roomId)).find(isThirdParty)
    expect(event !== undefined, 'expected m.room.third_party_invite in the space')
    return [`shown as ${event.content.display_name}`]
  })
  await report.step('its name is told as it was typed', async () => {
    const { subject, text, html } = await account.mailTo(address, webClient)
    expect(text.includes(name), 'expected the name in the text', text)
    expect(html !== null && !html.includes('<b>Tea'), 'expected no markup from outside', html)
    return [subject]
  })
}

/** Binding an address that was invited: its homeserver hears of it and turns the invitation into a real one. */
export async function becomesInvited({ report, until }, invited, { roomId, inviter }) {
  const { user, localpart } = invited
  await report.step(`onbind invites ${localpart} to the room of ${inviter.localpart}`, async () => {
    const { events } = await until(`invitation of ${localpart}`, async () => {
      const standing = await user.standing(roomId)
      return standing?.membership === 'invite' ? standing : null
    })
    const event = events.find(
      ({ type, state_key: of }) => type === 'm.room.member' && of === user.mxid,
    )
    expect(event?.sender === inviter.user.mxid, 'expected the inviter as sender', event)
    return [`membership invite, sent by ${event.sender}`]
  })
  await joins({ report, until }, invited, roomId)
}

async function joins({ report, until }, { user, localpart }, roomId) {
  await report.step(`${localpart} joins and says something`, async () => {
    await user.join(roomId)
    await until(`${localpart} in the room`, async () => {
      return (await user.standing(roomId))?.membership === 'join'
    })
    await user.say(roomId, 'here I am')
    return ['membership join']
  })
}

/** Without binding anything: the mailed link has the invitation signed for whoever follows it. */
export async function joinBySignedUrl({ report, until }, guest, { roomId, mail, token, inviter }) {
  const { user, account, localpart } = guest
  const signed = await report.step(`${localpart} has the mailed invitation signed`, async () => {
    const { hash } = new URL(linkWith(mail, '/#/room/'))
    const query = new URLSearchParams(hash.slice(hash.indexOf('?') + 1))
    const made = await account.sign(query.get('signurl'), user.mxid)
    expect(made.mxid === user.mxid && made.token === token, 'expected mxid and token', made)
    return [`signed by ${Object.keys(made.signatures).join()}`, made]
  })
  await report.step(`${localpart} joins with third_party_signed`, async () => {
    await user.joinSigned(roomId, { via: inviter.user.homeserver, signed })
    await until(`${localpart} in the room`, async () => {
      return (await user.standing(roomId))?.membership === 'join'
    })
    return ['membership join']
  })
}

export function idOf({ idServer, idAccessToken }) {
  return { idServer, idAccessToken }
}

function isThirdParty({ type }) {
  return type === 'm.room.third_party_invite'
}
