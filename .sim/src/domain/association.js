export {};
//# sourceMappingURL=association.js.map