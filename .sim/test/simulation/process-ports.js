export {};
//# sourceMappingURL=process-ports.js.map