/** The file system as the client sees it: names as bytes, lstat, and what the vault keeps of it. */
export * from './byte-string.ts';
export * from './file-meta.ts';
export * from './file-stat.ts';
export * from './hard-links.ts';
export * from './identities.ts';
export * from './listing.ts';
export * from './owners.ts';
export * from './measure.ts';
