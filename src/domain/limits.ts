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
/**
 * Segments handed to the writer and not yet answered, per exchange: when full the socket is not read. Enough to read on
 * while a group is written (3 made a catch-up of a million take half as long again), few enough to hold (1.6 MB).
 */
export const segmentsInFlightMax = 10
/** Requests to the writer, or answers of it, that go in one message: as many as may arrive in one turn. */
export const answersPerMessage = 128
/** Segments answered for at once; well below segmentsInFlightMax, or the reader would wait. */
export const segmentsPerAnswer = 4
/** Unpacked ÷ packed bytes: honest chunks stay below 12; deflate's own maximum is about 1,030. */
export const unpackRatioMax = 60
/** Bytes unpacked before the ratio is looked at: small bodies of equal lines pack very well. */
export const unpackFreeBytes = 1024 * 1024
/** Lines a push may lie below the receiver's size before it is told to start later. */
export const overlapLinesMax = 10_000
/** Lines of one push: about 200 kB, so that a refusal is read before the rest is sent; more goes in the next, or is pulled. */
export const pushLinesMax = 512
/** A log pushed to us this lately is not pulled too, if little of it is missing. */
export const pushQuietMs = 2_000
/** Addresses after folding, in UTF-8 bytes. */
export const addressBytesMax = 512
/** Matrix IDs, in UTF-8 bytes (Matrix specification, appendix "User Identifiers"). */
export const mxidBytesMax = 255

// ---- clocks (DESIGN 2.2)
export const clockSkewMaxMs = 60_000
/** The largest skew a node may be configured with; no unbind `covers` more, or a pair could be shut out for good. */
export const clockSkewLimitMs = 300_000
/** Wall and monotonic clock drifting apart by more than this begins a new life. */
export const clockDriftMaxMs = 30_000

// ---- group commit
/**
 * Lines staged before a commit is forced. A commit of a catch-up touches nearly every page of the index, so larger ones
 * write fewer pages; smaller ones keep local binds quick and memory small (16,000 took 60 MiB more, and was no quicker).
 */
export const commitLinesMax = 10_000
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

// ---- the writer
/** How long a store that refused a write is left alone before a small write probes it again. */
export const storageProbeAfterMs = 2_000
/** How often the machine looks at its deadlines: heads, back-off, staged lines of a sender that pauses. */
export const tickIntervalMs = 250
/** How long a start of the writer thread may take: opening a store copies it first when it migrates. */
export const writerStartMaxMs = 600_000

// ---- the node
/** Of our own TLS certificate; renewed under the same key when `renewalDays` are left. */
export const tlsDaysValid = 397
/** How often the certificate is looked at. */
export const certificateCheckIntervalMs = 6 * 3_600_000
/** A start is over, and whoever waited for it answered. */
export const warmUpAfterMs = 2_000
/** Entries the negative filter of lookups has room for before misses cost a query: 2 MiB of memory. */
export const lookupFilterCapacity = 1_000_000

// ---- stopping
export const stopMaxMs = 10_000

// ---- JSON from outside
/** Levels of nesting: what clients and homeservers send has under ten; canonical forms are made by recursion. */
export const jsonDepthMax = 64

// ---- associations
/** A hundred years: the lifetime clients expect, as none of them ever renews an association. */
export const associationLifeMs = 100 * 365 * 24 * 3_600_000

// ---- mesh transport (DESIGN 2.1, TLS)
/** From the first byte of a connection to the end of its TLS handshake, and from there to the end of the headers. */
export const handshakeMaxMs = 10_000
/** How late `handshakeMaxMs` may be noticed for headers. */
export const meshCheckIntervalMs = 2_000
/** Ours bear ten short headers; a proxy may add a few. */
export const meshHeaderBytesMax = 8 * 1024
/** A handshake costs 1.7 ms of CPU (replication.md 2.3): at most half a core for all callers together … */
export const handshakesPerSecond = 250
/** … a tenth of one for an address, which may be many nodes behind one NAT … */
export const handshakesPerSecondPerAddress = 50
/** … and a mesh that starts all at once opens a few connections per peer in the same second. */
export const handshakesBurstFactor = 4
/** Handshakes begun and not ended: who opens connections and says nothing takes from himself first. */
export const handshakesOpenMax = 256
export const handshakesOpenPerAddressMax = 32
/** Addresses whose handshakes are counted; the one longest unseen is forgotten first. */
export const handshakeAddressesMax = 4_096
/** Four connections for each of `peersMax` peers. */
export const meshConnectionsMax = 1_024
/** A peer uses `connectionsToPeerMax`, and as many again while it replaces them. */
export const connectionsFromPeerMax = 16
/** One long pull, one push, one question about heads: none waits for another. */
export const connectionsToPeerMax = 3
/** Twice what a peer needs on its connections. */
export const requestsFromPeerMax = 8
/** Longer than `headsIntervalMs` with its jitter, so that a quiet mesh makes no new handshakes. */
export const meshKeepAliveMs = 60_000
/** What is still read of a body already answered, so that the answer is not lost to a reset. */
export const lingerBytesMax = 256 * 1024
/** A push has at most `pushLinesMax` lines: who needs longer sends one byte at a time. */
export const pushMaxMs = 300_000
/** Waits of `peerIdleMs` granted to ourselves before an answer is given up: a writer may be busy with others. */
export const ownWaitsMax = 6
/** Smaller bodies go out whole, in one packet or three; packing them costs more than it saves. */
export const packFromBytes = 4 * 1024
/** Round trips below this are a data centre's, whose network is faster than gzip (replication.md 3.5). */
export const packFromRttMs = 5
/** What zlib hands out at once. */
export const packPieceBytes = 64 * 1024

// ---- the SQLite store
/** Entries a reader keeps in memory, about 600 bytes each: people look up the same contacts again and again. */
export const entriesKeptMax = 20_000
/** A catch-up writes to random places of the index: 16 to 48 MiB were equally quick (the system caches the file too). */
export const sqliteWriterCacheKib = 16 * 1024
export const sqliteReaderCacheKib = 16 * 1024
/** Pages of the write-ahead log before they are moved into the file: rarer is quicker, as pages repeat (64 MiB). */
export const sqliteWalPages = 16 * 1024
/** What of the write-ahead log may stay on disk while nothing is written. */
export const sqliteWalIdleBytes = 4 * 1024 * 1024
/** How long another process (a backup, say) may hold the database before a write is refused. */
export const storageBusyMs = 5_000
/** Lines folded again per transaction: about 50 ms, which is how long an append may wait for it. */
export const refoldLinesMax = 5_000
/** Rows per step of upkeep: filling the filter, clearing away a replaced index. */
export const upkeepRowsMax = 20_000
/** Bytes read and thrown away after a body was refused, so that its sender gets to read why. */
export const drainBytesMax = 8 * 1024 * 1024

// ---- keys and checkpoints
/** Key objects kept, of public keys and of seeds each: as many as siblings, partners and their former keys together. */
export const keyObjectsMax = 1_024
/** A note travels in the header of a chunk (`headerBytesMax`) or in `heads`. */
export const noteBytesMax = 64 * 1024
/** The signed-note specification asks for 16 at least; ours bear the log's signature and one for every sibling. */
export const signatureLinesMax = 100

// ---- proofs that travel by themselves (docs/protocol.md)
/** A line of 32 KiB in base64, a note of 64 KiB and 64 hashes; a bind's proof in a log of a million has under 2 KiB. */
export const entryProofBytesMax = 128 * 1024
/** Two notes with one signature each, under the longest log id, and the longest proof of sizes below 2^53 (54 hashes). */
export const forkProofBytesMax = 4 * 1024

// ---- log verify
/** Rows of the lookup index read at once: a few milliseconds, then progress may be told. */
export const auditRowsPerRead = 5_000
/** Findings told per log: the first names the cause. */
export const auditFindingsMax = 20
/** Lines of one batch for a thread that checks signatures: 40 ms of work, so that handing over costs nothing. */
export const signatureBatchLines = 500
/** Batches a thread has waiting: it never waits for the reader, and the reader never runs ahead. */
export const signatureBatchesWaiting = 3
/** Threads that check signatures; more would wait for the one that reads. */
export const signatureThreadsMax = 16
/** How long a peer may take to say what it holds. */
export const peerAnswerMaxMs = 10_000

// ---- commands and the running node
/** One request or item on the control socket: holds an import batch of appendOperationsMax rows. */
export const controlLineBytesMax = 4 * 1024 * 1024
/** Commands one operator and their monitoring run at once. */
export const controlConnectionsMax = 32
/** A card or a site secret on standard input. */
export const cardInputBytesMax = 4 * 1024
/** Ten years: peers pin the key, so that the certificate's end only has to be far and renewed in time. */
export const certificateDaysValid = 3_650

// ---- commands
/** How long the health check of a container waits for an answer. */
export const healthcheckMaxMs = 5_000
/** Rows of an import that become one group commit. */
export const importBatchRows = 1_000
/** A row holds an address, a Matrix ID and a medium. */
export const importLineBytesMax = 4 * 1024
/** Bad lines of an import that are told one by one; the rest are counted. */
export const importBadLinesShown = 1_000
