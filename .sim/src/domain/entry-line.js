export function bindLine(operation, stamp) {
    const at = operation.at === undefined ? '' : `"at":${Math.min(operation.at, stamp)},`;
    const via = operation.via === undefined ? '' : `"via":${JSON.stringify(operation.via)},`;
    return `{"a":${operation.associationJson},${at}"k":"bind","t":${stamp},${via}"z":"${operation.nonce}"}`;
}
export function unbindLine(operation, stamp, covers) {
    const { medium, address, mxid } = operation;
    const a = `{"address":${JSON.stringify(address)},"medium":"${medium}","mxid":${JSON.stringify(mxid)}}`;
    const at = operation.at === undefined ? '' : `"at":${Math.min(operation.at, stamp)},`;
    const covering = covers === null ? '' : `"covers":${covers},`;
    const via = operation.via === undefined ? '' : `"via":${JSON.stringify(operation.via)},`;
    return `{"a":${a},${at}${covering}"k":"unbind","t":${stamp},${via}"z":"${operation.nonce}"}`;
}
export function beginLine(begin, stamp) {
    return JSON.stringify({
        audience: begin.audience,
        k: 'begin',
        matrix_keys: begin.matrixKeys.map(({ expired_at, key, key_id, valid_from }) => ({
            expired_at,
            key,
            key_id,
            valid_from,
        })),
        mesh_key: begin.meshKey,
        node: begin.node,
        prev: begin.prev === null ? null : headFields(begin.prev),
        recovery_key: begin.recoveryKey,
        server_name: begin.serverName,
        t: stamp,
        v: 1,
    });
}
export function closeLine(closed, stamp) {
    const { log, root, size } = headFields(closed);
    return JSON.stringify({ k: 'close', log, root, size, t: stamp });
}
function headFields({ log, root, size }) {
    return { log, root, size };
}
//# sourceMappingURL=entry-line.js.map