import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { shardTree } from '@holdfast/codec';
import { HEADERS, openMessage, receipt, shardPath, toHex } from '@holdfast/protocol';
import { type Harness, startHarness } from '../testing/test-node.ts';

let harness: Harness;
beforeAll(async () => {
  harness = await startHarness();
});
afterAll(async () => {
  await harness.close();
});

describe('a shard over HTTPS', () => {
  test('is stored, receipted, described, read back and deleted', async () => {
    const { client, mediator, node } = harness;
    const [packId, uploadId, bytes] = [harness.packId(), harness.uploadId(), harness.shard(37)];
    const put = await client.putShard(harness.grant('put', { uploadId }), packId, 3, bytes);
    expect(put.json).toEqual({ receipt: expect.any(String) });
    expect(put.status).toBe(201);
    const root = toHex(shardTree(bytes).root);
    expect(openMessage(receipt, mediator.signing, put.json['receipt'] as string)).toMatchObject({
      nodeId: node.nodeId,
      clientId: client.clientId,
      uploadId,
      packId,
      shardIndex: 3,
      lengthBytes: bytes.length,
      root,
    });
    const path = shardPath(packId, 3);
    const head = await client.send('HEAD', path, harness.grant('get'));
    expect(head).toMatchObject({
      status: 200,
      headers: { 'content-length': String(bytes.length), [HEADERS.root]: root },
    });
    const got = await client.send('GET', path, harness.grant('get'));
    expect(got.status).toBe(200);
    expect(got.headers['content-length']).toBe(String(bytes.length));
    expect(Buffer.compare(got.bytes, bytes)).toBe(0);
    const gone = await client.send('DELETE', path, harness.grant('delete', { packIds: [packId] }));
    expect(gone.status).toBe(204);
    expect((await client.send('GET', path, harness.grant('get'))).json['code']).toBe('shard.unknown');
  });
});
