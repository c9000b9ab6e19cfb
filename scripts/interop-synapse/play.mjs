// The order of the scenes. A step that fails ends its scene; the others are played all the same.
import {
  addPhoneByDelegation,
  bindPhone,
  cannotUnbindOthers,
  deactivate,
  deletePhone,
  logOut,
  unbindThroughHomeserver,
} from './account-scenes.mjs'
import { outage, saysNothingPrivate } from './operator-scenes.mjs'
import { StepFailed } from './report.mjs'
import {
  arrive,
  becomesInvited,
  bindEmail,
  findsDirectly,
  inviteAtCreation,
  inviteBound,
  inviteBoundInCapitals,
  inviteUnbound,
  isForgotten,
  joinBySignedUrl,
} from './scenes.mjs'

/** Numbers of ranges reserved for fiction. */
const phones = {
  delegated: { country: 'GB', number: '07700 900123', msisdn: '447700900123' },
  own: { country: 'US', number: '(202) 555-0147', msisdn: '12025550147' },
}

export async function play({ site, report }) {
  const stage = { ...site.parts, site, report, until: (what, isSo) => site.until(what, isSo) }
  const cast = await scene(() => assemble(stage))
  if (cast === undefined) return
  const { alice, bob, carol, dave, erin, frank } = cast
  const scenes = [
    () => bindAndFind(stage, alice, bob),
    () => inviteThenBind(stage, bob, [{ inviter: alice, roomVersion: '12' }]),
    () =>
      inviteThenBind(stage, carol, [
        { inviter: alice, roomVersion: '10' },
        { inviter: bob, roomVersion: '12' },
      ]),
    () => inviteThenSign(stage, dave, { inviter: alice, roomVersion: '10' }),
    () => inviteThenSign(stage, erin, { inviter: alice, roomVersion: '12' }),
    () => inviteAtCreation(stage, bob, 'nobody@example.org'),
    () => outage(stage, { inviter: alice, invited: frank, roomVersion: '12' }),
    () => phoneNumbers(stage, dave, alice),
    () => cannotUnbindOthers(stage, carol, alice),
    () => unbindAndBindAgain(stage, alice, bob),
    () => leave(stage, bob, alice),
    () => leave(stage, carol, alice),
    () => logOut(stage, alice),
    () => saysNothingPrivate(stage, Object.values(cast), Object.values(phones)),
  ]
  for (const one of scenes) await scene(one)
}

/** Alice, Bob and Dave live at the first homeserver, Carol, Erin and Frank at the second. */
async function assemble(stage) {
  const [first, second] = stage.homes
  const cast = {}
  for (const name of ['alice', 'bob', 'dave']) cast[name] = await arrive(stage, first, name)
  for (const name of ['carol', 'erin', 'frank']) cast[name] = await arrive(stage, second, name)
  return cast
}

async function bindAndFind(stage, owner, other) {
  await bindEmail(stage, owner)
  await findsDirectly(stage, other, owner)
  await inviteBound(stage, other, owner)
  await inviteBoundInCapitals(stage, other, owner)
}

/** All that waited for an address are handed over at once, those of one homeserver and of another. */
async function inviteThenBind(stage, invited, invitations) {
  const waiting = []
  for (const given of invitations) waiting.push(await inviteUnbound(stage, { ...given, invited }))
  await bindEmail(stage, invited)
  for (const { roomId, inviter } of waiting) {
    await becomesInvited(stage, invited, { roomId, inviter })
  }
}

async function inviteThenSign(stage, guest, given) {
  const invitation = await inviteUnbound(stage, { ...given, invited: guest })
  await joinBySignedUrl(stage, guest, invitation)
}

async function phoneNumbers(stage, owner, other) {
  await addPhoneByDelegation(stage, owner, phones.delegated)
  const { msisdn } = phones.own
  await bindPhone(stage, owner, phones.own)
  await deletePhone(stage, owner, phones.delegated.msisdn)
  await unbindThroughHomeserver(stage, owner, { medium: 'msisdn', address: msisdn })
  await isForgotten(stage, other, { medium: 'msisdn', address: msisdn, whose: owner.localpart })
}

/** The second unbind bears the very signature of the first, and so does the last. */
async function unbindAndBindAgain(stage, owner, other) {
  const { address, localpart } = owner
  const threepid = { medium: 'email', address }
  await unbindThroughHomeserver(stage, owner, threepid)
  await isForgotten(stage, other, { ...threepid, whose: localpart })
  const label = `${localpart} unbinds what is not bound`
  await unbindThroughHomeserver(stage, owner, { ...threepid, label })
  await bindEmail(stage, owner)
  await findsDirectly(stage, other, owner)
  await unbindThroughHomeserver(stage, owner, threepid)
  await isForgotten(stage, other, { ...threepid, whose: localpart })
}

async function leave(stage, leaver, other) {
  const { address, localpart } = leaver
  await findsDirectly(stage, other, leaver)
  await deactivate(stage, leaver)
  await isForgotten(stage, other, { medium: 'email', address, whose: localpart })
}

async function scene(act) {
  try {
    return await act()
  } catch (error) {
    if (error instanceof StepFailed) return undefined
    throw error
  }
}
