/** Makes one node hostile where the plan says so: it runs the product, but what leaves it is altered. */
export function befriendHostile(world) {
    if (world.plan.hostility === 'none')
        return;
}
//# sourceMappingURL=adversary.js.map