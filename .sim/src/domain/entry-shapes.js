export function isTime(value) {
    return typeof value === 'number' && Number.isSafeInteger(value) && value >= 0;
}
export function isBoundedText(value, bytesMax) {
    if (typeof value !== 'string' || value.length === 0 || value.length > bytesMax)
        return false;
    if (value.length * 3 > bytesMax && Buffer.byteLength(value) > bytesMax)
        return false;
    return !value.includes('\u0000');
}
export function isSignatures(value) {
    if (!isFields(value))
        return false;
    for (const entity in value) {
        const keys = value[entity];
        if (!isFields(keys))
            return false;
        for (const keyId in keys)
            if (typeof keys[keyId] !== 'string')
                return false;
    }
    return true;
}
export function isFields(value) {
    return typeof value === 'object' && value !== null && !Array.isArray(value);
}
//# sourceMappingURL=entry-shapes.js.map