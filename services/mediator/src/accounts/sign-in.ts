/** Signing in: a signed nonce becomes a session; a session's token is known to its holder only. */
import { createHash } from 'node:crypto';
import type { Clock, Randomness } from '@holdfast/platform';
import {
  fail,
  openMessage,
  REQUEST_WINDOW_MS,
  type Role,
  signIn as signInMessage,
  type SigningContext,
  toBase64Url,
} from '@holdfast/protocol';
import { checkNonce, createNonce, NONCE_TTL_MS } from './nonces.ts';
import type { AccountStore, Session } from './ports.ts';

export interface AccountsOptions {
  readonly store: AccountStore;
  readonly context: SigningContext;
  readonly clock: Clock;
  readonly randomness: Randomness;
  /** 32 secret bytes. */
  readonly nonceKey: Uint8Array;
  readonly sessionTtlMs: number;
  /** Public keys that may sign in as admin. */
  readonly adminKeys: readonly string[];
  /** Told of each sign-in of a client, before its session is given. */
  readonly welcome?: (clientId: string) => Promise<unknown>;
}

export interface Accounts {
  createNonce(): { nonce: string; expiresAtMs: number };
  /** @throws HoldfastError `message.*`, `auth.nonce-unknown`, `auth.role-refused` */
  signIn(token: string): Promise<{ session: string; role: Role; expiresAtMs: number }>;
  /** @throws HoldfastError `auth.required` without a session, `auth.session-expired` with an unknown one */
  authenticate(authorization: string | undefined): Promise<Session>;
  signOut(authorization: string | undefined): Promise<void>;
}

const MAX_SESSIONS = 64;
const SESSION_BYTES = 32;

export function createAccounts(options: AccountsOptions): Accounts {
  const { store, clock, randomness } = options;
  return {
    createNonce() {
      const expiresAtMs = clock.nowMs() + NONCE_TTL_MS;
      return { nonce: createNonce(options.nonceKey, expiresAtMs, randomness), expiresAtMs };
    },
    async signIn(token) {
      const { publicKey, role, nonce, signedAtMs } = openMessage(signInMessage, options.context, token);
      const nowMs = clock.nowMs();
      const nonceExpiresAtMs = checkNonce(options.nonceKey, nonce, nowMs);
      if (nonceExpiresAtMs === undefined) throw fail('auth.nonce-unknown');
      checkClock(signedAtMs, nowMs);
      if (role === 'admin' && !options.adminKeys.includes(publicKey)) throw fail('auth.role-refused', { role });
      const session = toBase64Url(randomness.bytes(SESSION_BYTES));
      const expiresAtMs = nowMs + options.sessionTtlMs;
      const isFresh = await store.openSession(
        {
          publicKey,
          role,
          expiresAtMs,
          createdAtMs: nowMs,
          tokenHash: hashOf(session),
          nonceHash: hashOf(nonce),
          nonceExpiresAtMs,
        },
        MAX_SESSIONS,
      );
      if (!isFresh) throw fail('auth.nonce-unknown');
      if (role === 'client') await options.welcome?.(publicKey);
      return { session, role, expiresAtMs };
    },
    async authenticate(authorization) {
      const token = bearerToken(authorization);
      if (token === undefined) throw fail('auth.required', { role: 'client' });
      const session = await store.findSession(hashOf(token));
      if (session === undefined || session.expiresAtMs <= clock.nowMs()) throw fail('auth.session-expired');
      return session;
    },
    async signOut(authorization) {
      const token = bearerToken(authorization);
      if (token !== undefined) await store.endSession(hashOf(token));
    },
  };
}

/** @throws HoldfastError `message.clock-skew` when the message was signed too far from now. */
export function checkClock(signedAtMs: number, nowMs: number): void {
  const skewMs = Math.abs(signedAtMs - nowMs);
  if (skewMs > REQUEST_WINDOW_MS) throw fail('message.clock-skew', { skewSeconds: Math.round(skewMs / 1000) });
}

const bearerToken = (authorization: string | undefined): string | undefined =>
  /^Bearer ([A-Za-z0-9_-]{43})$/i.exec(authorization ?? '')?.[1];

const hashOf = (text: string): string => createHash('sha256').update(text).digest('hex');
