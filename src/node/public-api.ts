import { readFileSync } from 'node:fs'
import type { Config } from '../config/config.ts'
import type { NodeKeys } from '../config/key-files.ts'
import { accountsEndpoints } from '../features/accounts/endpoints.ts'
import { Authenticator } from '../features/authentication/authenticate.ts'
import type { BindDeps } from '../features/binding/bind.ts'
import { bindingEndpoints } from '../features/binding/endpoints.ts'
import {
  deliver,
  settleInvites,
  tellOwner,
  type DeliverDeps,
} from '../features/invites/deliver-invites.ts'
import { invitesEndpoints } from '../features/invites/endpoints.ts'
import { inviteMessage } from '../features/invites/invite-message.ts'
import { InviteStore } from '../features/invites/invite-store.ts'
import { keysEndpoints } from '../features/keys/endpoints.ts'
import { lookupEndpoints } from '../features/lookup/endpoints.ts'
import { termsEndpoints } from '../features/terms/endpoints.ts'
import { hasAcceptedTerms } from '../features/terms/terms.ts'
import { codeMessage } from '../features/validation/code-message.ts'
import { validationEndpoints } from '../features/validation/endpoints.ts'
import { SessionStore } from '../features/validation/session-store.ts'
import { findProven } from '../features/validation/submit-code.ts'
import { versionsEndpoints } from '../features/versions/endpoints.ts'
import { descriptionEndpoints } from '../http/description.ts'
import { productVersion } from '../platform/version.ts'
import { withoutV1, type Endpoint, type RateLimits } from '../http/endpoint.ts'
import type { HttpServerOptions } from '../http/server.ts'
import { createMediums, type Mediums } from '../mediums/index.ts'
import { acceptancesIn } from './acceptances.ts'
import { createCalls, type Calls } from './calls.ts'
import type { Core } from './core.ts'
import { createErrands, type Errands } from './errands.ts'
import type { Outside } from './outside.ts'
import { recordsOf, startUpkeep, type Records } from './records.ts'

export type PublicApiDeps = {
  readonly keys: NodeKeys
  readonly core: Core
  readonly bindDeps: BindDeps
  readonly rateLimits: RateLimits
}

export type PublicApi = {
  readonly endpoints: readonly Endpoint[]
  readonly authenticate: HttpServerOptions['authenticate']
  /** Takes up what waits to be sent. */
  start(): void
  stop(): Promise<void>
}

/** The rooms of the public API and what they share. */
type Rooms = {
  readonly config: Config
  readonly outside: Outside
  readonly deps: PublicApiDeps
  readonly calls: Calls
  readonly records: Records
  readonly mediums: Mediums
  readonly sessions: SessionStore
  readonly invites: InviteStore
  readonly errands: Errands
  readonly delivery: DeliverDeps
}

/** The public Matrix API: what is served, whose token is whose, and the queues behind it. */
export function createPublicApi(config: Config, outside: Outside, deps: PublicApiDeps): PublicApi {
  const rooms = createRooms(config, outside, deps)
  const { errands, delivery, records } = rooms
  const { api } = config
  const acceptances = acceptancesIn(records)
  const terms = { policies: config.terms.policies, acceptances }
  const authenticator = new Authenticator({
    secret: deps.keys.siteSecret,
    findAccount: (tokenHash) => deps.core.storage.findAccount(tokenHash),
    hasAcceptedTerms: (mxid) => hasAcceptedTerms(terms, mxid),
    clock: outside.clock,
  })
  let stopUpkeep: (() => void) | null = null
  const all = [
    ...versionsEndpoints({ isV1Served: api.v1 }),
    ...termsEndpoints(terms),
    ...siteEndpoints(rooms, authenticator),
    ...peopleEndpoints(rooms),
  ]
  const endpoints = api.v1 ? all : withoutV1(all)
  const about = { version: productVersion(), baseUrl: config.node.publicBaseUrl }
  return {
    endpoints: [...endpoints, ...descriptionEndpoints(endpoints, about)],
    authenticate: (token) => authenticator.authenticate(token),
    start: () => {
      errands.start()
      stopUpkeep = startUpkeep(outside, records, delivery)
    },
    stop: async () => {
      stopUpkeep?.()
      await errands.stop()
    },
  }
}

function createRooms(config: Config, outside: Outside, deps: PublicApiDeps): Rooms {
  const { keys, core } = deps
  const calls = createCalls(config, outside)
  const records = recordsOf(core)
  const mediums = openMediums(config, outside, calls)
  const sessions = new SessionStore({
    siteSecret: keys.siteSecret,
    records,
    terms: config.validation,
  })
  const invites = new InviteStore(records, config.invites.expireAfterMs)
  const links = {
    siteSecret: keys.siteSecret,
    publicBaseUrl: config.node.publicBaseUrl,
    clock: outside.clock,
  }
  const { webClientUrl, webClientAllow } = config.email
  const errands: Errands = createErrands(config, outside, {
    records,
    mediums,
    messageOf: (errand, id) =>
      errand.type === 'validation'
        ? codeMessage({ ...links, sessions, terms: config.validation }, errand, id)
        : inviteMessage({ ...links, invites, webClientUrl, webClientAllow }, errand, id),
    tell: (errand) => tellOwner({ ...delivery, tellHomeserver: calls.tellHomeserver }, errand),
    settle: (errand, state) => settleInvites(delivery, errand, state),
  })
  const delivery: DeliverDeps = {
    invites,
    associations: core.associations,
    signer: deps.bindDeps.signer,
    clock: outside.clock,
    send: (errand, changes) => errands.onbind(errand, changes),
  }
  return { config, outside, deps, calls, records, mediums, sessions, invites, errands, delivery }
}

function openMediums(config: Config, { clock }: Outside, { providerHttp }: Calls): Mediums {
  const { email, sms, smsReject, node } = config
  const { smtp, from, templatesDir, defaultBrand, defaultLanguage } = email
  const options = {
    email:
      smtp === null
        ? null
        : {
            smtp: {
              ...smtp,
              caPem: smtp.caFile === null ? null : readFileSync(smtp.caFile, 'utf8'),
            },
            from,
          },
    sms,
    smsReject,
    templates: { folder: templatesDir, defaultBrand, defaultLanguage },
  }
  return createMediums(options, { clock, http: providerHttp, serverName: node.serverName })
}

/** What concerns the site: its keys, its users, its directory. */
function siteEndpoints(
  { config, outside, deps, calls, invites }: Rooms,
  authenticator: Authenticator,
): Endpoint[] {
  const { keys, core, rateLimits } = deps
  const { writer, associations, siteKeys } = core
  const { clock, random } = outside
  return [
    ...keysEndpoints({
      site: {
        publicKey: (keyId) => siteKeys().get(keyId)?.key ?? null,
        isValid: (publicKey) =>
          [...siteKeys().values()].some((key) => key.key === publicKey && key.expired_at === null),
      },
      ephemeral: { isValid: (publicKey) => invites.isEphemeralKey(publicKey) },
    }),
    ...accountsEndpoints({
      secret: keys.siteSecret,
      vouch: calls.vouch,
      saveToken: async (change) => {
        await writer.side({ accounts: [change], meta: {} })
      },
      removeToken: async (tokenHash) => {
        await writer.side({ accounts: [{ type: 'remove', tokenHash }], meta: {} })
      },
      forgetToken: (token) => authenticator.forget(token),
      homeserversAllowed: config.homeservers.allow,
      rateLimits,
      clock,
      random,
    }),
    ...lookupEndpoints({ associations, ...config.lookup, isV1Served: config.api.v1Lookup }),
  ]
}

/** What concerns people: proving an address, binding it, being invited by it. */
function peopleEndpoints(rooms: Rooms): Endpoint[] {
  const { config, outside, deps, calls, mediums, sessions, invites, errands, delivery } = rooms
  const { keys, core, bindDeps, rateLimits: limits } = deps
  const { clock, random } = outside
  const siteSecret = keys.siteSecret
  const terms = config.validation
  return [
    ...validationEndpoints({
      siteSecret,
      sessions,
      terms,
      clock,
      random,
      limits,
      send: errands.message,
      pages: mediums.pages,
      phoneNumbers: mediums.phoneNumbers,
      isServed: (medium) => mediums[medium] !== null,
      nextLinkAllow: terms.nextLinkAllow,
    }),
    ...bindingEndpoints({
      ...bindDeps,
      sessions: {
        findProven: (sid, secret) => findProven({ sessions, terms, clock }, sid, secret),
      },
      bound: { deliver: (association) => deliver(delivery, association) },
      verifyRequest: calls.verifyRequest,
      isV1BindServed: config.api.v1Bind,
    }),
    ...invitesEndpoints({
      siteSecret,
      invites,
      associations: core.associations,
      rules: {
        shown: { local: config.invites.shownLocal, domain: config.invites.shownDomain },
        homeserversBlocked: config.invites.homeserversBlocked,
        roomsBlocked: config.invites.roomsBlocked,
        wordsBlocked: config.invites.keywordsBlocked,
      },
      siteKeys: () => ownKeyFirst(core, keys),
      serverName: config.node.serverName,
      publicBaseUrl: config.node.publicBaseUrl,
      clock,
      random,
      limits,
      isMailServed: mediums.email !== null,
      send: errands.message,
    }),
  ]
}

/** Long-term keys that sign now, ours first. */
function ownKeyFirst({ siteKeys }: Core, { matrix }: NodeKeys): string[] {
  const standing = [...siteKeys()].filter(([, key]) => key.expired_at === null)
  const isOwn = ([keyId]: (typeof standing)[number]): boolean => keyId === matrix.keyId
  return [...standing.filter(isOwn), ...standing.filter((row) => !isOwn(row))].map(
    ([, { key }]) => key,
  )
}
