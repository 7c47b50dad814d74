/** The client's local catalog: packs and chunks of the vault, and the directories of the last backup. */
export * from './catalog.ts';
export * from './directory-cache.ts';
export * from './own-index-packs.ts';
