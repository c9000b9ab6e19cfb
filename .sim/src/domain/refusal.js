/**
 * Every expected "no" of the product, as a closed list. HTTP and the mesh translate codes in one table each
 * (`http/refusal-responses.ts`, `replication/refusal-statuses.ts`); a missing row does not compile.
 */
export const refusalCodes = [
    // requests of clients and homeservers
    'body-not-json',
    'body-not-object',
    'body-too-large',
    'param-missing',
    'param-invalid',
    'path-unknown',
    'method-unknown',
    'token-missing',
    'token-unknown',
    'not-found',
    'pepper-stale',
    'algorithm-unknown',
    'too-many-addresses',
    'homeserver-not-allowed',
    'homeserver-refused',
    'homeserver-unreachable',
    'server-name-invalid',
    'threepid-invalid',
    'mxid-invalid',
    'limit-exceeded',
    // this node cannot write now
    'storage-full',
    'storage-read-only',
    'clock-ahead-of-peers',
    'node-stopping',
    'node-not-ready',
    'writer-busy',
    // chunks (docs/protocol.md, "Refusals")
    'caller-unknown',
    'log-unknown',
    'log-not-readable',
    'log-frozen',
    'log-closed',
    'log-forked',
    'already-pulling',
    'header-malformed',
    'checkpoint-malformed',
    'checkpoint-signature-bad',
    'root-mismatch',
    'gap',
    'overlap-differs',
    'overlap-too-long',
    'clock-ahead',
    'stamp-not-rising',
    'entry-malformed',
    'begin-mismatch',
    'line-too-long',
    'segment-too-long',
    'segment-malformed',
    'proof-malformed',
    'proof-bad',
    'unpacked-too-long',
    'chunk-truncated',
    'blank-mismatch',
    'blank-misplaced',
    'blank-unexplained',
    'quota-exceeded',
    'key-conflict',
];
/** An expected no. `details` are members the protocol wants in the answer's body. */
export class RefusalError extends Error {
    code;
    details;
    constructor(code, message, details = {}) {
        super(message);
        this.name = 'RefusalError';
        this.code = code;
        this.details = details;
    }
}
export function isRefusal(error) {
    return error instanceof RefusalError;
}
//# sourceMappingURL=refusal.js.map