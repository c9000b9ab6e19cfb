const nodePattern = /^(?=.{1,200}$)[a-z0-9]([a-z0-9.-]*[a-z0-9])?$/;
const audiencePattern = /^[a-z0-9]([a-z0-9-]{0,62}[a-z0-9])?$/;
const lifePattern = /^[a-z2-7]{8}$/;
/** DNS-like, lower case, without port (DESIGN 2.1). */
export function isNodeName(text) {
    return nodePattern.test(text);
}
export function isAudienceName(text) {
    return audiencePattern.test(text);
}
export function formatLogId({ node, audience, life }) {
    return `${node}/${audience}~${life}`;
}
/** The parts of a log id; null when the text is none. */
export function parseLogId(text) {
    const slash = text.indexOf('/');
    const tilde = text.lastIndexOf('~');
    if (slash < 0 || tilde < slash)
        return null;
    const node = text.slice(0, slash);
    const audience = text.slice(slash + 1, tilde);
    const life = text.slice(tilde + 1);
    if (!isNodeName(node) || !isAudienceName(audience) || !lifePattern.test(life))
        return null;
    return { node, audience, life };
}
const base32Alphabet = 'abcdefghijklmnopqrstuvwxyz234567';
/** Eight base32 characters out of eight random bytes (the low five bits of each). */
export function lifeFromRandom(bytes) {
    let life = '';
    for (let i = 0; i < 8; i++)
        life += base32Alphabet[(bytes[i] ?? 0) & 31];
    return life;
}
//# sourceMappingURL=log-id.js.map