/** The X.509 library with the decorator metadata that it needs loaded first, and its limits for hostile input. */
import 'reflect-metadata';

export * as x509 from '@peculiar/x509';

/** ECDSA over P-256, as every key here is. */
export const KEY_ALGORITHM = { name: 'ECDSA', namedCurve: 'P-256' } as const;
export const SIGNATURE_ALGORITHM = { name: 'ECDSA', hash: 'SHA-256' } as const;
