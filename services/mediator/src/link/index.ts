/** The link to the nodes: one WebSocket each, over which orders, challenges, proofs and reports travel. */
export { addLinkRoute, type LinkRouteOptions } from './link-route.ts';
export { createLinks, type Links, type LinksOptions } from './links.ts';
export { createLinkPorts, type DomainPortsOptions } from './domain-ports.ts';
export * from './ports.ts';
export { linkSettings, type LinkSettings } from './settings.ts';
