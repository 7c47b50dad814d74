/** What the mediator owes, published so that everybody can check that its own money was counted in. */
export * from './ports.ts';
export { type Assets, publishLiabilities, type PublishOptions } from './publish-liabilities.ts';
