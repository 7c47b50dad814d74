/** Another passphrase for the keystore of this home; vault and words stay as they are. */
import { changePassphrase as resealKeystore, type KdfCost, openKeystore } from '@holdfast/keys';
import type { Randomness } from '@holdfast/platform';
import { keystorePath, readKeystore, writeKeystore } from './home.ts';

export interface ChangePassphraseOptions {
  readonly home: string;
  readonly oldPassphrase: string;
  readonly newPassphrase: string;
  readonly randomness: Randomness;
  readonly kdfCost?: KdfCost;
}

/** At any crash the keystore opens with the old or with the new one. @throws HoldfastError `keystore.…`, `passphrase.empty` */
export async function changePassphrase(options: ChangePassphraseOptions): Promise<void> {
  const { home, oldPassphrase, newPassphrase, randomness } = options;
  const file = await readKeystore(home);
  const path = keystorePath(home);
  const cost = options.kdfCost === undefined ? {} : { cost: options.kdfCost };
  await writeKeystore(home, await resealKeystore({ file, path, oldPassphrase, newPassphrase, randomness, ...cost }));
}

/** Whether the keystore of this home opens with it. @throws HoldfastError `keystore.…` */
export async function checkPassphrase(home: string, passphrase: string): Promise<void> {
  await openKeystore(await readKeystore(home), passphrase, keystorePath(home));
}
