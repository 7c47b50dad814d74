/** `holdfast://host:port#fingerprint`: where a mediator is and the SHA-256 of its CA certificate. */
import { fail } from './errors.ts';

export interface MediatorAddress {
  readonly host: string;
  readonly port: number;
  /** SHA-256 of the DER of the mediator's CA certificate, 64 hex digits. */
  readonly caFingerprint: string;
}

/** @throws HoldfastError `client.bad-address` */
export function parseMediatorAddress(address: string): MediatorAddress {
  const match = /^holdfast:\/\/(\[[0-9a-fA-F:.]+\]|[A-Za-z0-9.-]+):(\d{1,5})\/?#([0-9a-fA-F]{64})$/.exec(
    address.trim(),
  );
  const port = Number(match?.[2]);
  if (match === null || port < 1 || port > 65_535) throw fail('client.bad-address', { address: address.slice(0, 200) });
  return { host: match[1]!.replace(/^\[|\]$/g, ''), port, caFingerprint: match[3]!.toLowerCase() };
}

export const formatMediatorAddress = ({ host, port, caFingerprint }: MediatorAddress): string =>
  `holdfast://${host.includes(':') ? `[${host}]` : host}:${port}#${caFingerprint}`;

export const mediatorBaseUrl = ({ host, port }: MediatorAddress): string =>
  `https://${host.includes(':') ? `[${host}]` : host}:${port}`;
