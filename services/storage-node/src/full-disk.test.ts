/**
 * A disk that is really full: a node in a mount namespace of its own, with a small file system for its data. What does not
 * fit is refused, what is there stays whole, and the node lives on.
 */
import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, statfsSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from '@jest/globals';
import { systemClock } from '@holdfast/platform';
import { GROUP_BYTES, HEADERS, shardPath, toHex } from '@holdfast/protocol';
import { shardTree } from '@holdfast/codec';
import { describeWith } from '@holdfast/testkit';
import { diskError } from './shards/file-io.ts';
import { connectBarely } from './testing/test-connection.ts';
import { createNodeClient } from './testing/test-client.ts';
import { bytesOnDisk, namesIn } from './testing/test-disk.ts';
import { createFakeMediator } from './testing/test-mediator.ts';
import { settingsOf, startNodeProcess } from './testing/test-process.ts';

/** The program in a namespace with a file system of 24 MB at the directory; `$0` is the directory. */
const MOUNT = 'mount -t tmpfs -o size=24m none "$0" && exec "$@"';

test('what the disk says is said in the catalogue’s words', () => {
  const said = (code: string): unknown => diskError(Object.assign(new Error(code), { code })).code;
  expect(['ENOSPC', 'EDQUOT', 'EIO', 'EROFS', 'EMFILE'].map(said)).toEqual([
    'node.full',
    'node.full',
    'node.disk',
    'node.disk',
    'node.disk',
  ]);
});

/** Some containers allow nobody a namespace of their own. */
const [program, ...probe] = ['unshare', '-rm', 'sh', '-c', 'mount -t tmpfs none /mnt'];
const isAllowed = spawnSync(program, probe).status === 0;
if (!isAllowed) process.stderr.write('SKIPPED suite: a full disk: this system allows no mount namespaces\n');

const suite: (unshare: string) => void = (unshare) => {
  test('refuses in words what does not fit, keeps the rest, and takes again what fits', async () => {
    const directory = mkdtempSync(join(tmpdir(), 'holdfast-full-'));
    const dataDir = join(directory, 'small');
    mkdirSync(dataDir);
    const mediator = await createFakeMediator();
    const node = await startNodeProcess(settingsOf(dataDir, await mediator.listen()), [], {
      program: unshare,
      arguments: ['-rm', 'sh', '-c', MOUNT, dataDir],
    });
    try {
      /** Its view of the directory. */
      const inside = join('/proc', String(node.pid), 'root', dataDir);
      expect(statfsSync(inside).blocks * statfsSync(inside).bsize).toBe(24 * 1024 * 1024);
      const nodeId = mediator.registrations[0]!.nodeId;
      const baseUrl = `https://${node.address}`;
      const client = createNodeClient({
        baseUrl,
        nodeId,
        caPem: mediator.authority.certPem,
        signing: mediator.signing,
      });
      const grant = (verb: 'put' | 'get') => mediator.grant({ verb, clientId: client.clientId, nodeId });
      const packOf = (index: number): string => index.toString(16).padStart(64, '0');
      const bytes = new Uint8Array(32 * GROUP_BYTES).map((_, index) => index * 7);
      const put = (index: number) => client.putShard(grant('put'), packOf(index), 0, bytes);

      // Once by what the disk says of itself before the first byte …
      let stored = 0;
      for (; ; stored += 1) {
        const answer = await put(stored);
        if (answer.status === 201) continue;
        expect([answer.status, answer.json['code']]).toEqual([507, 'node.full']);
        break;
      }
      expect(stored).toBeGreaterThan(5);
      await client.send(
        'DELETE',
        shardPath(packOf(0), 0),
        mediator.grant({
          verb: 'delete',
          clientId: client.clientId,
          nodeId,
          packIds: [packOf(0)],
        }),
      );

      // What the disk says of itself is asked again after a second.
      await systemClock.sleep(1100);

      // … and once by a disk that somebody else fills while the bytes arrive.
      const path = shardPath(packOf(100), 0);
      const root = toHex(shardTree(bytes).root);
      const late = await connectBarely(baseUrl);
      late.head('PUT', path, {
        ...client.headers('PUT', path, grant('put'), { body: bytes, contentRoot: root }),
        'content-type': 'application/octet-stream',
        'content-length': bytes.length,
        [HEADERS.root]: root,
      });
      late.socket.write(bytes.subarray(0, 1000));
      while (namesIn(inside, 'incoming').length === 0) await systemClock.sleep(10);
      const filler = join(inside, 'filler');
      expect(() => writeFileSync(filler, Buffer.alloc(24 * 1024 * 1024))).toThrow('ENOSPC');
      late.socket.write(bytes.subarray(1000));
      const answer = await late.received(/HTTP\/1.1 (\d+)[\s\S]*"code":"([a-z.-]+)"/);
      expect(answer.slice(1)).toEqual(['507', 'node.full']);
      late.socket.destroy();
      const refused = await put(101);
      expect([refused.status, refused.json['code']]).toEqual([507, 'node.full']);

      // It lives on: it reads, it tells, and with room it stores.
      for (let index = 1; index < stored; index += 1) {
        const got = await client.send('GET', shardPath(packOf(index), 0), grant('get'));
        expect([got.status, Buffer.compare(got.bytes, bytes)]).toEqual([200, 0]);
      }
      rmSync(filler);
      await systemClock.sleep(1100);
      expect((await put(102)).status).toBe(201);
      expect(namesIn(inside, 'incoming')).toEqual([]);
      expect(bytesOnDisk(inside)).toBe(stored * (bytes.length + 4096));
      await client.close();
    } finally {
      await node.end('SIGKILL');
      await mediator.close();
      rmSync(directory, { recursive: true, force: true });
    }
  }, 120_000);
};
if (isAllowed) await describeWith(['util-linux:unshare'], 'a full disk', suite);
