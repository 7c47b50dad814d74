/** The orders of the mediator, and how they are carried out. */
export { carryOutOrders } from './carry-out.ts';
export { type Order, orderOf } from './ports.ts';
