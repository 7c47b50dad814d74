/** Vaults and what is kept for them: uploads, packs, heads. */
export { getHead, type HeadsOptions, moveHead } from './heads.ts';
export { createMaskKeySeal, type MaskKeySeal } from './mask-keys.ts';
export { commitPacks, dropPacks, listPacks, locatePacks, type PacksOptions } from './packs.ts';
export * from './ports.ts';
export { grantRead } from './read-grants.ts';
export {
  closeUpload,
  type GrantedNode,
  type GrantSigner,
  openUpload,
  type Upload,
  type UploadsOptions,
} from './uploads.ts';
export { createVault, getVault, listVaults, type ShownVault, type VaultsOptions } from './vaults.ts';
