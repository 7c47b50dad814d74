/** Heartbeats to the mediator, and the orders that it answers. */
export { createTouch, type Touch } from './keep-in-touch.ts';
export type { NodeState, Order, OrdersPort } from './ports.ts';
