/** The registry of storage nodes. */
export { isAllowedIp, parseHostPort, type SubnetRule } from './addresses.ts';
export { checkReachability, type Reachability, type ReachabilityOptions } from './check-reachability.ts';
export * from './ports.ts';
export { registerNode, type NodeCertificate, type RegisterNodeOptions } from './register-node.ts';
export { freeBytes, isOnline } from './standing.ts';
