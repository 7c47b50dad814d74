/** From 24 words to keys, the keystore that holds them, and the passphrase that opens it. */
export { askSecret, type Terminal } from './ask-secret.ts';
export { type ClientKeys, deriveKeys, KEY_LABELS, keysFromWords } from './derive.ts';
export {
  changePassphrase,
  DEFAULT_KDF_COST,
  type KdfCost,
  KEYSTORE_BYTES,
  openKeystore,
  sealKeystore,
} from './keystore.ts';
export { type Passphrase, type PassphraseSources, resolvePassphrase } from './passphrase.ts';
export {
  checkWords,
  createWords,
  entropyFromWords,
  type RandomSource,
  seedFromWords,
  WORD_COUNT,
  type Words,
  wordsFromEntropy,
} from './words.ts';
