/**
 * Every bound of the product, each with its reason. A loop, queue, batch, body or wait without a row here is a fault.
 * Times in milliseconds, sizes in bytes unless the name says otherwise.
 */

// ---- entries and chunks (DESIGN 2.5)
/** A bind carries at most two addresses' worth of text and one signature: 2 KiB holds every legal one. */
export const bindLineBytesMax = 2 * 1024
/** Other kinds (begin with several keys, erase with ranges) may be longer. */
export const lineBytesMax = 32 * 1024
/** A header holds a checkpoint with the cosignatures of every sibling. */
export const headerBytesMax = 64 * 1024
/** Lines up to one `to`: what is held in memory per exchange before it is verified. */
export const segmentLinesMax = 500
export const segmentBytesMax = 1024 * 1024
/** A consistency proof of two sizes below 2^53 has at most 2 × 53 hashes, in practice below 64 (replication.md 3.5). */
export const proofHashesMax = 64
/** Segments handed to the writer and not yet answered, per exchange: when full the socket is not read. */
export const segmentsInFlightMax = 3
/** Unpacked ÷ packed bytes: honest chunks stay below 12; deflate's own maximum is about 1,030. */
export const unpackRatioMax = 60
/** Bytes unpacked before the ratio is looked at: small bodies of equal lines pack very well. */
export const unpackFreeBytes = 1024 * 1024
/** Lines a push may lie below the receiver's size before it is told to start later. */
export const overlapLinesMax = 10_000
/** Lines of one push; what is further behind is pulled. */
export const pushLinesMax = 5_000
/** Addresses after folding, in UTF-8 bytes. */
export const addressBytesMax = 512
/** Matrix IDs, in UTF-8 bytes (Matrix specification, appendix "User Identifiers"). */
export const mxidBytesMax = 255

// ---- clocks (DESIGN 2.2)
export const clockSkewMaxMs = 60_000
/** Wall and monotonic clock drifting apart by more than this begins a new life. */
export const clockDriftMaxMs = 30_000

// ---- group commit
/** Lines staged before a commit is forced: larger groups sort better, smaller ones keep local binds quick. */
export const commitLinesMax = 8_000
export const commitBytesMax = 8 * 1024 * 1024
/** Operations of one append call; the caller splits. */
export const appendOperationsMax = 2_000
/** Appends waiting in the writer before new ones are refused with writer-busy. */
export const appendsWaitingMax = 20_000

// ---- exchange with peers (replication.md 3.5)
export const headsIntervalMs = 10_000
export const headsJitter = 0.3
export const backoffFirstMs = 500
export const backoffMaxMs = 60_000
export const peersMax = 256
/** Chunks on their way in at once, over all peers: each holds a segment or two. */
export const exchangesMax = 64
export const logsPerOriginMax = 4_096
export const headsBytesMax = 4 * 1024 * 1024
/** How long a peer may take to send its next byte. */
export const peerIdleMs = 20_000
/** How long a start waits for siblings before it calls itself ready all the same (DESIGN 2.2). */
export const readyWaitMaxMs = 60_000
/** How often the store is told that this node lives: the precision of "away for over an hour". */
export const aliveIntervalMs = 60_000
/** A node away for longer must hear its siblings before it is ready (DESIGN 2.2). */
export const awayMaxMs = 3_600_000

// ---- public API
export const bodyBytesMax = 512 * 1024
export const lookupAddressesMax = 10_000
export const bulkLookupThreepidsMax = 10_000
export const queryBytesMax = 16 * 1024
export const tokensPerUserMax = 50

// ---- the writer
/** How often the machine looks at its deadlines: heads, back-off, staged lines of a sender that pauses. */
export const tickIntervalMs = 250
/** How long a start of the writer thread may take: opening a store copies it first when it migrates. */
export const writerStartMaxMs = 600_000

// ---- stopping
export const stopMaxMs = 10_000

// ---- JSON from outside
/** Levels of nesting: what clients and homeservers send has under ten; canonical forms are made by recursion. */
export const jsonDepthMax = 64
