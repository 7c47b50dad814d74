/** Starting a mediator from a program; `main.ts` is the command. */
export { type Mediator, startMediator } from './compose.ts';
export { DEFAULTS, type MediatorOptions } from './options.ts';
export { chooseNodes, type ChooseRequest, createMarketIndex, type Offer } from './market/index.ts';
export * from './reputation/index.ts';
export { requestCredit } from './credit-command.ts';
