/**
 * Bounds of the public API and of what it sends, each with its reason; those of logs and the mesh stand in limits.ts.
 * Times in milliseconds, sizes in bytes unless the name says otherwise.
 */

// ---- public API
export const bodyBytesMax = 512 * 1024
export const lookupAddressesMax = 10_000
export const bulkLookupThreepidsMax = 10_000
export const queryBytesMax = 16 * 1024
export const tokensPerUserMax = 50
/** Parameters of a query or form: twice what the longest invitation has. */
export const parametersMax = 64
/** What browsers send is far below both. */
export const acceptLanguageLengthMax = 512
export const acceptLanguagesMax = 20
/** Rate limits, per scope: some 100 bytes for each of two generations of keys. */
export const bucketsPerGenerationMax = 20_000
/** Addresses of a lookup that cost as much as one request. */
export const addressesPerPoint = 100
/** Addresses of policies in one acceptance: clients send all they know of, ours and those of other services. */
export const acceptedUrlsMax = 500

// ---- listeners
/** Request line and headers together: a query of queryBytesMax and the usual headers. */
export const headerSizeMax = 24 * 1024
/** How long a client may take over its headers, and over the whole request: slow uploads end here. */
export const headersTimeoutMs = 10_000
export const requestTimeoutMs = 30_000
/** Longer than the 60 s after which common proxies drop an idle connection: then never we are the first. */
export const keepAliveTimeoutMs = 65_000
/** Connections of one listener; more are not accepted. */
export const connectionsMax = 10_000
/** Part of stopMaxMs that requests in flight have before their connections are cut. */
export const drainMaxMs = 8_000

// ---- access tokens
/** How long an answer about a token may be remembered: another process may have ended it meanwhile. */
export const tokenMemoryMs = 1_000
/** Tokens remembered at once: a few megabytes. */
export const tokensRememberedMax = 10_000

// ---- calls we make (matrix-contract 1.5, 17)
/** Calls to other servers under way at once; each may hold a thread while the system looks up a name. */
export const callsMax = 64
/** From the look-up of the name to the last byte of the answer. */
export const callTimeoutMs = 10_000
/** All that finding a homeserver and asking it may take together. */
export const homeserverTimeoutMs = 20_000
/** OpenID tokens have some 100 characters; this one becomes part of a URL that we call. */
export const openidTokenLengthMax = 4_096
export const userinfoBytesMax = 5 * 1024
export const wellKnownBytesMax = 50 * 1024
export const wellKnownRedirectsMax = 5
export const wellKnownCacheMax = 2_000
/** Matrix specification, "Resolving server names": what is not dated is kept for a day, nothing longer than two. */
export const wellKnownDefaultMs = 24 * 3_600_000
export const wellKnownKeptMaxMs = 48 * 3_600_000
/** How long a server is believed to have no well-known: it may be restarting. */
export const wellKnownFailureMs = 10 * 60_000
/** A name server that is silent this long will not speak. */
export const dnsTimeoutMs = 3_000
/** Targets of SRV records tried, best first. */
export const srvTargetsMax = 4
/** What homeservers answer about their keys: theirs, old ones, and a signature each. */
export const serverKeysBytesMax = 50 * 1024
/** Keys a homeserver offers at once: real ones have one or two, and each costs us a signature to check. */
export const serverKeysMax = 16
/** Server-Server API, "Retrieving server keys": nothing a server says of its keys counts for longer. */
export const serverKeysKeptMaxMs = 7 * 24 * 3_600_000
export const serverKeysCacheMax = 2_000
/** Homeservers asked for their keys at once, a quarter of `callsMax`: anybody can have us ask one that is slow. */
export const serverKeysAskingMax = 16
/** How long a homeserver is left alone that gave no usable keys, or did not offer the key that was asked for. */
export const serverKeysRetryMs = 60_000
/** What a homeserver answers when it was told of an association: nothing, or an error. */
export const onbindAnswerBytesMax = 16 * 1024
/** A wait that a homeserver asks for is granted up to here; it may be asking for ever. */
export const onbindWaitMaxMs = 3_600_000

// ---- requests that homeservers sign
/** One header: three names, a signature of 88 letters. */
export const xMatrixBytesMax = 2 * 1024
export const xMatrixParamsMax = 16
/** One header per key of the homeserver that signs. */
export const xMatrixHeadersMax = 4
/** `id_server` as clients give it: a server name and a path. */
export const destinationLengthMax = 1_024
/** Names of ours tried when a header says none: hashing a body for each takes longer than checking one signature. */
export const signedNamesMax = 16
/** Canonical JSON of a signed body: an unbind has a Matrix ID and an address; several forms of it may be hashed. */
export const signedContentLengthMax = 16 * 1024

// ---- validation sessions
/** An expired session is kept this long, so that its owner hears that it expired instead of that it never was. */
export const expiredSessionKeptMs = 24 * 3_600_000
/** A session changed by somebody else meanwhile is read again; more writers than this at one session are an attack. */
export const sessionChangeTriesMax = 8
/** Codes as clients may send them, in code points (Identity Service API, "submitToken"). */
export const codeLengthMax = 255
/** Longer links are refused: browsers and proxies have bounds of their own. */
export const nextLinkLengthMax = 2_048
/** A request waits this long for the first try to send, to be able to say that an address is refused for good. */
export const firstTryWaitMs = 1_000

// ---- invitations
/** Open invitations of one address: all of them are handed over with one bind, in one call. */
export const invitesPerAddressMax = 100
/** All invitations of one address, told ones among them, until they expire: what is read when it is bound. */
export const invitesKeptPerAddressMax = 300
/** A text of an invitation is cut off here; longer ones say nothing more to a person. */
export const inviteDetailCharsMax = 1_000
/** Members of an invitation that are kept beside those we know. */
export const inviteDetailsMax = 40
/** An invitation is looked at again so soon, for a bind that was made while it was stored. */
export const inviteFirstCheckMs = 30_000
export const inviteCheckMaxMs = 3_600_000
/** Invitations looked at in one go. */
export const invitesDueMax = 100

// ---- what waits to be sent
const minutes = 60_000
/** Times of the queues. An SMS code is of no use after half an hour; a mail may wait for its server for a day. */
export const queueTerms = {
  mail: {
    tryMaxMs: 1 * minutes,
    retryFirstMs: 15_000,
    retryMaxMs: 30 * minutes,
    giveUpAfterMs: 24 * 60 * minutes,
  },
  sms: {
    tryMaxMs: 30_000,
    retryFirstMs: 10_000,
    retryMaxMs: 5 * minutes,
    giveUpAfterMs: 30 * minutes,
  },
  onbind: { tryMaxMs: 1 * minutes, retryMaxMs: 60 * minutes },
} as const
/** Homeservers told at once; one that is slow holds up one place. */
export const onbindParallelMax = 16
/** A homeserver that says no may say yes once its room is there; not for ever. */
export const onbindRefusalsMax = 6
/** A request for a code waits so long for others to share its commit with: nobody notices it beside a mail. */
export const unhurriedMs = 40
/** Expired records dropped in one go, and how often: more than can be made. */
export const expireCountMax = 2_000
export const expireIntervalMs = 5_000
/** Open invitations are looked at so often. */
export const invitesCheckIntervalMs = 10_000
