/** What signing in needs of a store. */
import type { Role } from '@holdfast/protocol';

export interface Session {
  /** 64 hex digits. */
  readonly publicKey: string;
  readonly role: Role;
  readonly expiresAtMs: number;
}

export interface NewSession extends Session {
  /** SHA-256 of the token. */
  readonly tokenHash: string;
  readonly nonceHash: string;
  readonly nonceExpiresAtMs: number;
  readonly createdAtMs: number;
}

export interface AccountStore {
  /**
   * Uses up the nonce, opens the account when it is new, and keeps the session; all or nothing. Of an account's sessions only the newest
   * `maxSessions` stay. False when the nonce was used before.
   */
  openSession(session: NewSession, maxSessions: number): Promise<boolean>;
  findSession(tokenHash: string): Promise<Session | undefined>;
  endSession(tokenHash: string): Promise<void>;
  /** Removes what has expired: sessions and used nonces. Resolves to the number of sessions. */
  forgetExpired(nowMs: number): Promise<number>;
}
