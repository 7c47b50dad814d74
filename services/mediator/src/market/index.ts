/** Offers, choices and quotes. */
export { chooseNodes, countIndependentNodes, type Choice, type ChooseRequest } from './choose-nodes.ts';
export { createMarketIndex, type MarketIndex } from './market-index.ts';
export { createOfferBook, type OfferBook } from './offer-book.ts';
export * from './ports.ts';
export { bytesPerNode, choosePolicy, quote, requestFor, type MarketRules, type Quote } from './quote.ts';
