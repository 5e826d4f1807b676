/**
 * With which Node runs a balancer: what a connection leaves behind dies at once, and a young generation of 4 MB is looked
 * through in a millisecond, where the usual one stops everything for three.
 */
export const NODE_FLAGS: readonly string[] = ['--max-semi-space-size=4']
