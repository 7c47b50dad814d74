/** The mediator's admin in the demo: signs in with the admin's key and reads what nodes were asked, answered and paid. */
import { readFileSync } from 'node:fs';
import { Agent, request } from 'node:https';
import { join } from 'node:path';
import type { Mediator } from '@holdfast/mediator';
import { createSigningKey, fromHex, openMessage, signIn, signMessage, toHex, verdict } from '@holdfast/protocol';

export interface Settlement {
  readonly period: number;
  /** `void`: the mediator could not ask; nobody is at fault and nobody is paid. */
  readonly verdict: 'passed' | 'failed' | 'missed' | 'void';
  readonly dueMsat: string;
  readonly commissionMsat: string;
  readonly earnedMsat: string;
  readonly withheldMsat: string;
}

export interface Challenge {
  readonly challengeId: string;
  readonly period: number;
  readonly outcome?: 'passed' | 'failed' | 'missed';
  readonly issuedAtMs?: number;
  readonly judgedAtMs?: number;
}

export interface NamedShard {
  readonly packId: string;
  readonly shardIndex: number;
  readonly fault: string;
}

/** One movement on one account. */
export interface Entry {
  readonly transferNo: string;
  readonly account: string;
  readonly amountMsat: string;
}

export interface Balance {
  readonly availableMsat: string;
  readonly heldMsat: string;
  readonly reservedMsat: string;
}

/** A deposit of a client. */
export interface Deposit {
  readonly state: 'seen' | 'credited' | 'reversed' | 'gone';
  readonly confirmations: number;
  readonly requiredConfirmations: number;
}

/** What a batch pays to a node: gross is taken from what it earned, and its share of the fee from that. */
export interface Payment {
  readonly state: 'signed' | 'broadcast' | 'confirmed' | 'final' | 'voided';
  readonly grossSats: string;
  readonly feeShareSats: string;
  readonly txid: string;
}

export interface AuditOutcome {
  /** Absent: it could not be done just now. */
  readonly reconciliation?: {
    readonly state: string;
    readonly chainSats: string;
    readonly ledgerMsat: string;
    readonly pendingSats: string;
    readonly differences: readonly { readonly subject: string; readonly what: string; readonly sats: string }[];
  };
}

export interface Admin {
  /** Newest first. */
  settlements(nodeId: string): Promise<Settlement[]>;
  /** Newest first. */
  challenges(nodeId: string): Promise<Challenge[]>;
  /** The whole signed evidence of a challenge, as `holdfast verify-transcript` takes it. */
  evidence(challengeId: string): Promise<{ text: string; named: NamedShard[] }>;
  earnings(nodeId: string): Promise<{ earnedMsat: string; withheldMsat: string }>;
  standing(nodeId: string): Promise<{ state: string; storedBytes: number }>;
  balance(clientId: string): Promise<Balance>;
  /** Newest first. */
  deposits(clientId: string): Promise<Deposit[]>;
  /** Newest first. */
  payouts(nodeId: string): Promise<Payment[]>;
  /** Where the hot wallet is filled up, and who waits for the next batch (`next`) or for something else. */
  payoutStatus(): Promise<{
    readonly fundingAddress?: string;
    readonly waiting: readonly { readonly reason: string }[];
  }>;
  /** Ledger against chain, now; and what is owed, published. */
  reconcile(): Promise<AuditOutcome>;
  /** Every entry, newest first. */
  statement(of: 'nodes' | 'clients', id: string): Promise<Entry[]>;
  /** Sums of all accounts, in msat by their names. */
  ledger(): Promise<Record<string, string>>;
  /** What is wrong in the ledger: nothing. */
  faults(): Promise<unknown[]>;
}

const NETWORK = 'regtest';
/** As many as the mediator gives at once. */
const NEWEST = 200;

/** Where a mediator is, and who. */
type Known = Pick<Mediator, 'baseUrl' | 'caPem' | 'mediatorId'>;
type Peer = Pick<Known, 'baseUrl'> & { readonly agent: Agent };

/** @param dataDir the mediator's: the admin's key lies in it */
export async function signInAsAdmin(known: Known, dataDir: string): Promise<Admin> {
  const mediator = { baseUrl: known.baseUrl, agent: new Agent({ ca: known.caPem, keepAlive: true }) };
  const key = createSigningKey(fromHex(readFileSync(join(dataDir, 'admin.key'), 'utf8').trim(), 32));
  const context = { network: NETWORK, mediatorId: known.mediatorId } as const;
  const { nonce } = await call<{ nonce: string }>(mediator, { method: 'POST', path: '/v1/sign-in/nonces' });
  const terms = { publicKey: toHex(key.publicKey), role: 'admin', nonce, signedAtMs: Date.now() } as const;
  const body = { signIn: signMessage(signIn, context, terms, key) };
  const { session } = await call<{ session: string }>(mediator, { method: 'POST', path: '/v1/sign-in', body });
  const read = <T>(path: string): Promise<T> => call<T>(mediator, { method: 'GET', path, session });
  return {
    settlements: async (nodeId) =>
      (await read<{ settlements: Settlement[] }>(`/v1/nodes/${nodeId}/settlements?limit=${NEWEST}`)).settlements,
    challenges: async (nodeId) =>
      (await read<{ challenges: Challenge[] }>(`/v1/nodes/${nodeId}/challenges?limit=${NEWEST}`)).challenges,
    async evidence(challengeId) {
      const found = await read<{ transcript?: { verdict: string } }>(`/v1/challenges/${challengeId}`);
      const token = found.transcript?.verdict;
      const named = token === undefined ? [] : openMessage(verdict, context, token).faults;
      return { text: `${JSON.stringify(found, undefined, 2)}\n`, named: [...named] };
    },
    earnings: (nodeId) => read(`/v1/nodes/${nodeId}/earnings`),
    standing: (nodeId) => read(`/v1/nodes/${nodeId}/standing`),
    balance: (clientId) => read(`/v1/clients/${clientId}/balance`),
    deposits: async (clientId) => (await read<{ deposits: Deposit[] }>(`/v1/deposits?clientId=${clientId}`)).deposits,
    payouts: async (nodeId) =>
      (await read<{ payouts: Payment[] }>(`/v1/nodes/${nodeId}/payouts?limit=${NEWEST}`)).payouts,
    payoutStatus: () => read('/v1/payout-status'),
    reconcile: () => call(mediator, { method: 'POST', path: '/v1/admin/reconciliations', session }),
    async statement(of, id) {
      const all: Entry[] = [];
      for (;;) {
        const before = all.length === 0 ? '' : `&before=${all.at(-1)!.transferNo}`;
        const page = await read<{ entries: Entry[] }>(`/v1/${of}/${id}/statement?limit=${NEWEST}${before}`);
        if (page.entries.length === 0) return all;
        all.push(...page.entries);
      }
    },
    ledger: () => read('/v1/ledger'),
    faults: async () => (await read<{ faults: unknown[] }>('/v1/ledger/faults')).faults,
  };
}

interface Call {
  readonly method: 'GET' | 'POST';
  readonly path: string;
  readonly body?: unknown;
  readonly session?: string;
}

function call<T>({ baseUrl, agent }: Peer, { method, path, body, session }: Call): Promise<T> {
  const headers = {
    ...(body !== undefined && { 'content-type': 'application/json' }),
    ...(session !== undefined && { authorization: `Bearer ${session}` }),
  };
  return new Promise((resolve, reject) => {
    const sent = request(new URL(path, baseUrl), { method, headers, agent }, (response) => {
      const pieces: Buffer[] = [];
      response.on('data', (piece: Buffer) => pieces.push(piece));
      response.on('error', reject);
      response.on('end', () => {
        const text = Buffer.concat(pieces).toString('utf8');
        if (response.statusCode !== undefined && response.statusCode < 300) resolve(JSON.parse(text) as T);
        else reject(new Error(`${method} ${path}: ${response.statusCode} ${text}`));
      });
    });
    sent.on('error', reject);
    sent.end(body === undefined ? undefined : JSON.stringify(body));
  });
}
