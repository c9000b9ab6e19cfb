export class StorageFault extends Error {
    code;
    constructor(code, message, options) {
        super(message, options);
        this.name = 'StorageFault';
        this.code = code;
    }
}
//# sourceMappingURL=storage.js.map