// What people do with the addresses of their own account, and how they leave.
import { expect } from './report.mjs'
import { newClientSecret } from './matrix-user.mjs'

const unbound = 'success'

/** The homeserver signs for its user; there is no token in that request. */
export async function unbindThroughHomeserver({ report }, { user, account, localpart }, given) {
  const { medium, address, label } = given
  await report.step(label ?? `${localpart} unbinds ${medium} through Synapse`, async () => {
    const body = { medium, address, id_server: account.idServer }
    const answer = await user.ask('POST', 'account/3pid/unbind', body)
    expect(answer.json?.id_server_unbind_result === unbound, `expected ${unbound}`, answer)
    return [`${answer.status} ${answer.text}`]
  })
}

/** Synapse has numbers proved by an identity server it is told of, over v1 and without a token. */
export async function addPhoneByDelegation({ report, calls }, owner, { country, number, msisdn }) {
  const { user, account, localpart } = owner
  const session = { client_secret: newClientSecret() }
  const submitUrl = await report.step('Synapse has Mycelid send a text message', async () => {
    const request = { ...session, country, phone_number: number, send_attempt: 1 }
    const answer = await user.post('account/3pid/msisdn/requestToken', request)
    session.sid = answer.sid
    expect(answer.msisdn === msisdn, `expected msisdn ${msisdn}`, answer)
    return [`sid, msisdn ${answer.msisdn}, intl_fmt ${answer.intl_fmt}`, answer.submit_url]
  })
  await report.step('a wrong code is refused through Synapse', async () => {
    const answer = await calls.ask('POST', submitUrl, { body: { ...session, token: 'wrong' } })
    expect(answer.json?.success !== true, 'expected no success', answer)
    return [`${answer.status} ${answer.text}`]
  })
  await report.step('the code in the message is taken through Synapse', async () => {
    const token = await account.codeTo(msisdn)
    const answer = await calls.call('POST', submitUrl, { body: { ...session, token } })
    expect(answer.success === true, 'expected success', answer)
    return [JSON.stringify(answer)]
  })
  await report.step(`${localpart} adds the number to the account`, async () => {
    await user.postAuthenticated('account/3pid/add', session)
    const { threepids } = await user.get('account/3pid')
    const found = threepids.find(({ medium }) => medium === 'msisdn')
    expect(found?.address === msisdn, `expected ${msisdn}`, threepids)
    return [`threepids: ${found.medium} ${found.address}`]
  })
}

export async function bindPhone({ report }, { user, account, localpart }, { country, number }) {
  return report.step(`${localpart} binds a number through Synapse`, async () => {
    const { session, msisdn } = await account.provePhone(country, number)
    const answer = await user.ask('POST', 'account/3pid/bind', {
      ...session,
      ...account.credentials,
    })
    expect(answer.status === 200, 'expected 200', answer)
    const found = await account.lookup('msisdn', msisdn)
    expect(found === user.mxid, `expected ${user.mxid}`, found)
    return [`${answer.status}, lookup ${found}`, msisdn]
  })
}

/** What others hold is not theirs to end: Synapse signs for its own user alone. */
export async function cannotUnbindOthers({ report }, stranger, owner) {
  const what = `${stranger.localpart} cannot unbind the address of ${owner.localpart}`
  await report.step(what, async () => {
    const { address } = owner
    const body = { medium: 'email', address, id_server: stranger.account.idServer }
    const answer = await stranger.user.ask('POST', 'account/3pid/unbind', body)
    const found = await stranger.account.lookup('email', address)
    expect(found === owner.user.mxid, `expected ${owner.user.mxid} still`, found)
    return [`${answer.status} ${answer.text}; still found`]
  })
}

/** Synapse forgets the number and asks to unbind it, as the identity server it was bound at. */
export async function deletePhone({ report }, { user, account, localpart }, msisdn) {
  await report.step(`${localpart} deletes the number from the account`, async () => {
    const body = { medium: 'msisdn', address: msisdn, id_server: account.idServer }
    const answer = await user.ask('POST', 'account/3pid/delete', body)
    expect(answer.json?.id_server_unbind_result === unbound, `expected ${unbound}`, answer)
    return [`${answer.status} ${answer.text}`]
  })
}

/** Synapse unbinds everything it bound for this user, and says so only if each went well. */
export async function deactivate({ report }, { user, localpart }) {
  await report.step(`${localpart} deactivates the account`, async () => {
    const answer = await user.postAuthenticated('account/deactivate', {})
    expect(answer.id_server_unbind_result === unbound, `expected ${unbound}`, answer)
    return [JSON.stringify(answer)]
  })
}

export async function logOut({ report }, { account, localpart }) {
  await report.step(`${localpart} logs out of Mycelid`, async () => {
    await account.post('v2/account/logout')
    const after = await account.ask('GET', 'v2/account')
    expect(after.status === 401, 'expected 401 afterwards', after)
    return [`then ${after.status} ${after.json?.errcode}`]
  })
}
