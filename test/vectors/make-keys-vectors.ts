/**
 * Wrote keys-derivation.json and keys-keystore.json, once: they are the format from then on, and tests compare the code with them.
 * Run by hand for a new version of the format only: node -C @holdfast/source test/vectors/make-keys-vectors.ts
 */
import { createHash } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { keysFromWords, sealKeystore, wordsFromEntropy, type KdfCost } from '@holdfast/keys';
import { createSeededRandomness } from '@holdfast/platform';
import { fromHex, toHex } from '@holdfast/protocol';

const sha256 = (text: string | Uint8Array): Uint8Array => new Uint8Array(createHash('sha256').update(text).digest());

function write(name: string, contents: object): void {
  // 'wx': golden vectors are never replaced by accident
  writeFileSync(new URL(name, import.meta.url), `${JSON.stringify(contents, null, 1)}\n`, { flag: 'wx' });
}

const ENTROPIES = {
  'all zero bits': '00'.repeat(32),
  'all one bits': 'ff'.repeat(32),
  'BIP-39 test vector': '066dca1a2bb7e8a1db2832148ce9933eea0f3ac9548d793112d9a95c9407efad',
  'SHA-256 of "holdfast"': toHex(sha256('holdfast')),
};

const ZERO_WORDS = `${'abandon '.repeat(23)}art`;

function keysVectors(): object {
  const valid = Object.entries(ENTROPIES).map(([name, entropy]) => {
    const words = wordsFromEntropy(fromHex(entropy));
    const { identity, refundSeed, ...keys } = keysFromWords(words);
    const hex = Object.fromEntries(Object.entries(keys).map(([key, value]) => [key, toHex(value)]));
    return { name, entropy, words, seed: toHex(refundSeed), ...hex, identityPublicKey: toHex(identity.publicKey) };
  });
  const tolerated = [
    { name: 'capitals', text: ZERO_WORDS.toUpperCase() },
    { name: 'line by line, numbered', text: ZERO_WORDS.split(' ').map((word, i) => `${i + 1}. ${word}\n`).join('') },
    { name: 'numbered without dots', text: ZERO_WORDS.split(' ').map((word, i) => `${i + 1} ${word}`).join('\t') },
    { name: 'commas and wide gaps', text: `  ${ZERO_WORDS.replaceAll(' ', ',   ')}  \r\n` },
    { name: 'numbers glued with brackets', text: ZERO_WORDS.split(' ').map((word, i) => `${i + 1})${word}`).join(' ') },
    { name: 'fullwidth letters', text: ZERO_WORDS.replace('art', 'ａｒｔ') },
  ].map((vector) => ({ ...vector, words: ZERO_WORDS }));
  const invalid = [
    { reason: 'nothing', text: '', detail: 'there are 0 words' },
    { reason: 'one word', text: 'abandon', detail: 'there is 1 word' },
    { reason: '12 valid words', text: `${'abandon '.repeat(11)}about`, detail: 'there are 12 words' },
    { reason: 'one word too many', text: `${ZERO_WORDS} art`, detail: 'there are 25 words' },
    { reason: 'a letter missing', text: ZERO_WORDS.replace('art', 'abndon'), detail: 'word 24, “abndon”, is not in the list: did you mean “abandon”?' },
    { reason: 'neighbours swapped', text: ZERO_WORDS.replace('abandon', 'abadnon'), detail: 'word 1, “abadnon”, is not in the list: did you mean “abandon”?' },
    { reason: 'a word that is like none', text: ZERO_WORDS.replace('art', 'xyzzyx'), detail: 'word 24, “xyzzyx”, is not in the list' },
    { reason: 'wrong checksum', text: 'abandon '.repeat(24), detail: 'the checksum is wrong' },
    { reason: 'two words swapped', text: wordsFromEntropy(sha256('holdfast')).replace(/^(\S+) (\S+)/, '$2 $1'), detail: 'the checksum is wrong' },
    { reason: 'the alphabet of another list', text: 'абажур '.repeat(24), detail: 'and 21 more' },
    { reason: 'a whole file', text: 'abandon '.repeat(1_000), detail: 'much longer' },
  ];
  return { rule: 'words: BIP-39 English, 24, empty passphrase; keys: HKDF-SHA256, seed as input, empty salt, label as info', valid, tolerated, invalid };
}

/** The file with some bytes changed and its checksum made right again. */
function edited(file: Uint8Array, changes: Record<number, string>): string {
  const body = Buffer.from(file.subarray(0, file.length - 32));
  for (const [at, hex] of Object.entries(changes)) body.set(fromHex(hex), Number(at));
  return toHex(Buffer.concat([body, sha256(body)]));
}

async function keystoreVectors(): Promise<object> {
  const cost: KdfCost = { memoryKib: 64, passes: 2, lanes: 1 };
  const words = wordsFromEntropy(sha256('holdfast'));
  const seal = (passphrase: string, seed: string, its: KdfCost): Promise<Uint8Array> =>
    sealKeystore({ words, passphrase, randomness: createSeededRandomness(seed), cost: its });
  const file = await seal('correct horse', 'keystore 1', cost);
  const valid = [
    { name: 'small cost', passphrase: 'correct horse', words, file: toHex(file) },
    { name: 'two lanes', passphrase: ' spaces stay ', words, file: toHex(await seal(' spaces stay ', 'keystore 2', { memoryKib: 128, passes: 1, lanes: 2 })) },
    { name: 'composed and decomposed letters are the same', passphrase: 'cafe\u0301', words, file: toHex(await seal('caf\u00e9', 'keystore 3', cost)) },
    { name: '128 MiB, three passes, one lane', passphrase: 'correct horse', words, file: toHex(await seal('correct horse', 'keystore 4', { memoryKib: 131_072, passes: 3, lanes: 1 })) },
    { name: 'default cost: 64 MiB, three passes, four lanes', passphrase: 'correct horse', words, file: toHex(await seal('correct horse', 'keystore 5', { memoryKib: 65_536, passes: 3, lanes: 4 })) },
  ];
  const hex = toHex(file);
  const flipped = (at: number): string => {
    const copy = Uint8Array.from(file);
    copy[at]! ^= 1;
    return toHex(copy);
  };
  const damaged = 'keystore.damaged';
  const invalid = [
    { reason: 'another passphrase', code: 'keystore.wrong-passphrase', file: hex, passphrase: 'correct horsf' },
    { reason: 'a space more', code: 'keystore.wrong-passphrase', file: hex, passphrase: 'correct horse ' },
    { reason: 'empty passphrase', code: 'passphrase.empty', file: hex, passphrase: '' },
    { reason: 'empty file', code: damaged, file: '' },
    { reason: 'last byte missing', code: damaged, file: hex.slice(0, -2) },
    { reason: 'one byte more', code: damaged, file: `${hex}00` },
    { reason: 'bit flipped in the magic', code: damaged, file: flipped(0) },
    { reason: 'bit flipped in the version', code: damaged, file: flipped(8) },
    { reason: 'bit flipped in the salt', code: damaged, file: flipped(20) },
    { reason: 'bit flipped in the sealed entropy', code: damaged, file: flipped(50) },
    { reason: 'bit flipped in the checksum', code: damaged, file: flipped(126) },
    { reason: 'new lines converted', code: damaged, file: hex.replace('0d0a', '0a') },
    { reason: 'version 2', code: 'keystore.unsupported-version', file: edited(file, { 8: '02' }) },
    { reason: 'unknown KDF', code: damaged, file: edited(file, { 9: '02' }) },
    { reason: 'memory above 1 GiB', code: damaged, file: edited(file, { 10: '00100001' }) },
    { reason: 'memory of 4 TiB', code: damaged, file: edited(file, { 10: 'ffffffff' }) },
    { reason: 'no memory', code: damaged, file: edited(file, { 10: '00000000' }) },
    { reason: 'less memory than its lanes need', code: damaged, file: edited(file, { 10: '00000007' }) },
    { reason: 'no passes', code: damaged, file: edited(file, { 14: '00000000' }) },
    { reason: 'too many passes', code: damaged, file: edited(file, { 14: '00000041' }) },
    { reason: 'memory and passes each allowed, too much work together', code: damaged, file: edited(file, { 10: '0010000000000005' }) },
    { reason: 'no lanes', code: damaged, file: edited(file, { 18: '00' }) },
    { reason: 'too many lanes', code: damaged, file: edited(file, { 18: '11' }) },
    { reason: 'cost changed within bounds, checksum made right', code: 'keystore.wrong-passphrase', file: edited(file, { 14: '00000003' }) },
    { reason: 'sealed bytes changed, checksum made right', code: 'keystore.wrong-passphrase', file: edited(file, { 50: '00' }) },
  ].map((vector) => ({ passphrase: 'correct horse', ...vector }));
  return { rule: 'docs: the head comment of libs/keys/src/keystore.ts', valid, invalid };
}

write('keys-derivation.json', keysVectors());
write('keys-keystore.json', await keystoreVectors());
