/** Reading of peers' JSON: unknown until looked at, hostile until bounded. */
export function isRecord(value) {
    return typeof value === 'object' && value !== null && !Array.isArray(value);
}
/** An integer of at least 0 and at most 2^53 − 1, or null. */
export function readInteger(value) {
    return typeof value === 'number' && Number.isSafeInteger(value) && value >= 0 ? value : null;
}
export function readString(value, lengthMax) {
    return typeof value === 'string' && value.length <= lengthMax ? value : null;
}
//# sourceMappingURL=shapes.js.map