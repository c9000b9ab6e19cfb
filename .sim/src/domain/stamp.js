export const stampsPerMs = 1024;
export function stampOfMs(wallMs) {
    return Math.floor(wallMs) * stampsPerMs;
}
export function msOfStamp(stamp) {
    return Math.floor(stamp / stampsPerMs);
}
/** Above everything written or seen, and not behind the wall clock. */
export function nextStamp(known) {
    return Math.max(known.lastOwn + 1, known.newestSeen + 1, stampOfMs(known.wallMs));
}
/** How far a stamp lies ahead of a wall clock, in milliseconds; negative when behind. */
export function aheadMs(stamp, wallMs) {
    return msOfStamp(stamp) - wallMs;
}
export function isStamp(value) {
    return typeof value === 'number' && Number.isSafeInteger(value) && value > 0;
}
//# sourceMappingURL=stamp.js.map