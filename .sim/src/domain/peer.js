/** The own group's rank; partners start at 1. */
export const ownRank = 0;
//# sourceMappingURL=peer.js.map