/** The link to the mediator: one connection, kept up, over which orders, challenges and reports travel. */
export { createTouch, type Touch, type TouchOptions } from './keep-in-touch.ts';
export type { Line, LineHandlers, LinePort } from './ports.ts';
export type { Session } from './session.ts';
