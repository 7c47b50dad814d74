/**
 * A node must not be able to serve the mediator's retrieval checks and refuse clients. All that it sees of the two, from
 * the first byte of the connection to the grant, is compared here. (Where they come from is not: see docs/market.md.)
 */
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { mkdirSync, writeFileSync } from 'node:fs';
import type { IncomingMessage } from 'node:http';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { check } from '@holdfast/client';
import { createSeededRandomness } from '@holdfast/platform';
import { grant, HEADERS, openMessage, signedRequest } from '@holdfast/protocol';
import { createTestClient, makeScratch, type Scratch, type TestClient } from '../client-harness.ts';
import { type Network, startNetwork } from '../network.ts';
import { describeHello, startTap, type Tap, watchShardReads } from '../tapped-node.ts';

const LONG_MS = 300_000;
const POLL_MS = 50;
const NODE_COUNT = 3;
const FILE_BYTES = 300_000;
const FILE_COUNT = 30;
const CHECKS = 60;

let scratch: Scratch;
let taps: Tap[];
let network: Network;
let ann: TestClient;
const watch = watchShardReads();

beforeAll(async () => {
  scratch = await makeScratch();
  taps = await Promise.all(Array.from({ length: NODE_COUNT }, (_, index) => startTap(`127.0.${index + 1}.1`)));
  // Below those that the system gives out: no other worker has it.
  const listen = (index: number) => ({ host: `127.0.${index + 1}.1`, port: 10_000 + (process.pid % 20_000) });
  for (const [index, tap] of taps.entries()) tap.target = `${listen(index).host}:${listen(index).port}`;
  network = await startNetwork({
    nodeCount: NODE_COUNT,
    mediator: {
      periodMs: 6_000,
      challenges: { deadlineMs: 4_000, verifyMs: 500, drawnLeaves: 60, retrievalCheckMs: 300 },
    },
    node: (index) => ({ listen: listen(index), addresses: [taps[index]!.address] }),
  });
  ann = await createTestClient(network, { home: join(scratch.path, 'ann') });
}, LONG_MS);

afterAll(async () => {
  watch.stop();
  await network?.stop();
  await Promise.all((taps ?? []).map((tap) => tap.stop()));
  await scratch?.remove();
}, LONG_MS);

/** What is seen until `work` is done. */
async function seenDuring(work: () => Promise<unknown>): Promise<{ requests: IncomingMessage[]; hellos: Buffer[] }> {
  for (const tap of taps) tap.hellos.length = 0;
  watch.requests.length = 0;
  await work();
  return { requests: [...watch.requests], hellos: taps.flatMap(({ hellos }) => hellos) };
}

const TOKENS: readonly string[] = [HEADERS.grant, HEADERS.request].map((name) => name.toLowerCase());
const context = () => ({ network: 'regtest' as const, mediatorId: network.mediator.mediatorId });
const header = (request: IncomingMessage, name: string): string => request.headers[name.toLowerCase()] as string;

/** The head as it came, without what is another thing in each request. */
function headOf({ httpVersion, rawHeaders }: IncomingMessage): string {
  const lines: string[] = [];
  for (let at = 0; at < rawHeaders.length; at += 2) {
    const name = rawHeaders[at]!;
    const value = rawHeaders[at + 1]!;
    const isDrawn = TOKENS.includes(name.toLowerCase());
    lines.push(`${name}: ${isDrawn ? '…' : value.replace(/\d+/g, '#')}`);
  }
  return [httpVersion, ...lines].join('\n');
}

function grantOf(request: IncomingMessage): string {
  const { verb, uploadId, packIds, quotaBytes, issuedAtMs, expiresAtMs } = openMessage(
    grant,
    context(),
    header(request, HEADERS.grant),
  );
  return JSON.stringify({ verb, uploadId, packIds, quotaBytes, ttlMs: expiresAtMs - issuedAtMs });
}

const formsOf = <T>(things: readonly T[], form: (thing: T) => string): string[] =>
  [...new Set(things.map(form))].sort();
const freshHellos = (hellos: readonly Buffer[]): string[] =>
  formsOf(
    hellos.map(describeHello).filter(({ isResumed }) => !isResumed),
    ({ text }) => text,
  );

test(
  'checks and clients look alike: TLS, heads, grants, and a holder whom nobody knows',
  async () => {
    const source = join(scratch.path, 'source');
    mkdirSync(source);
    const random = createSeededRandomness('reads');
    for (let at = 0; at < FILE_COUNT; at += 1) writeFileSync(join(source, `file ${at}`), random.bytes(FILE_BYTES));
    await ann.backup([source]);

    const checks = await seenDuring(async () => {
      while (watch.requests.length < CHECKS) await sleep(POLL_MS);
    });
    // Checks go on meanwhile: what is seen now is what both do.
    const both = await seenDuring(async () => {
      await ann.restore(join(scratch.path, 'all'));
      await ann.restore(join(scratch.path, 'one'), { include: ['file 7'] });
      await ann.use((client) => check(client, { readData: true }));
    });

    const heads = formsOf(checks.requests, headOf);
    expect(heads).toHaveLength(2); // a whole shard, and a range
    expect(formsOf(both.requests, headOf)).toEqual(heads);
    expect(formsOf(both.requests, grantOf)).toEqual(formsOf(checks.requests, grantOf));
    expect(freshHellos(checks.hellos)).toHaveLength(1);
    expect(freshHellos(both.hellos)).toEqual(freshHellos(checks.hellos));

    const clientId = await ann.use(async (client) => client.clientId);
    const nodesOf = new Map<string, Set<string>>();
    for (const request of both.requests) {
      const { holder, nodeId } = openMessage(signedRequest, context(), header(request, HEADERS.request));
      nodesOf.set(holder, (nodesOf.get(holder) ?? new Set()).add(nodeId));
    }
    expect(nodesOf.has(clientId)).toBe(false);
    expect([...nodesOf.values()].every((nodes) => nodes.size === 1)).toBe(true);
  },
  LONG_MS,
);
