/** The X.509 library, loaded at first use: only who issues or requests certificates waits for it. */
import type * as X509 from '@peculiar/x509';

type X509Library = typeof X509;

let loaded: Promise<X509Library> | undefined;

/** Its decorators need the metadata polyfill before it. */
export function loadX509(): Promise<X509Library> {
  loaded ??= import('reflect-metadata').then(() => import('@peculiar/x509'));
  return loaded;
}

/** ECDSA over P-256, as every key here is. */
export const KEY_ALGORITHM = { name: 'ECDSA', namedCurve: 'P-256' } as const;
export const SIGNATURE_ALGORITHM = { name: 'ECDSA', hash: 'SHA-256' } as const;
