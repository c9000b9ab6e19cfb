/** Wall time at virtual time 0. */
export const epochMs = 1_790_000_000_000;
/** The clocks of one machine: how its wall clock strays from true time, and how coarse it ticks. */
export class MachineClock {
    /** Wall clock less true time. */
    offsetMs = 0;
    /** Milliseconds gained per second, wall and monotonic alike. */
    driftPerSecondMs = 0;
    /** The wall clock moves in steps of this width. */
    tickMs = 1;
    /** Where the monotonic clock stood at virtual time 0; a resumed snapshot's stood still meanwhile. */
    monoOffsetMs = 0;
    read(virtualMs) {
        const drifted = virtualMs + (virtualMs / 1000) * this.driftPerSecondMs;
        const wallMs = epochMs + drifted + this.offsetMs;
        return {
            wallMs: Math.floor(wallMs / this.tickMs) * this.tickMs,
            monoMs: Math.floor(drifted + this.monoOffsetMs),
        };
    }
    copy() {
        return Object.assign(new MachineClock(), this);
    }
}
//# sourceMappingURL=clock.js.map