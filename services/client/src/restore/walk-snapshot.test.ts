import { describe, expect, test } from '@jest/globals';
import { EMPTY_STREAM, type FileMeta, type Snapshot, type StreamRef, type TreeEntry } from '@holdfast/codec';
import { compilePatterns } from './path-pattern.ts';
import { walkSnapshot, type WalkStep } from './walk-snapshot.ts';

const common = { mode: 0o755, uid: 0, gid: 0, userName: '', groupName: '', mtimeNs: 0n };
const file: FileMeta = { ...common, type: 'file', content: EMPTY_STREAM };

/** A directory whose tree is looked up by an id of its own. */
function directories(): {
  directory: (entries: readonly TreeEntry[]) => FileMeta;
  read: (tree: StreamRef) => TreeEntry[];
} {
  const trees = new Map<StreamRef, readonly TreeEntry[]>();
  return {
    directory(entries) {
      const content: StreamRef = { sizeBytes: 1, depth: 0, ids: [] };
      trees.set(content, entries);
      return { ...common, type: 'directory', content };
    },
    read: (tree) => [...trees.get(tree)!],
  };
}

const bytes = (text: string): Buffer => Buffer.from(text, 'latin1');
const entry = (name: string, meta: FileMeta): TreeEntry => ({ name: bytes(name), ...meta });

async function walk(
  roots: Snapshot['roots'],
  read: (tree: StreamRef) => Iterable<TreeEntry>,
): Promise<{ entered: string[]; files: string[]; refused: string[]; left: string[] }> {
  const result = { entered: [] as string[], files: [] as string[], refused: [] as string[], left: [] as string[] };
  const steps: AsyncIterable<WalkStep> = walkSnapshot(
    { roots },
    {
      patterns: compilePatterns([]),
      async *readDirectory(tree) {
        yield* read(tree);
      },
    },
  );
  for await (const step of steps) {
    if (step.type === 'enter') result.entered.push(step.directory.path.toString('latin1'));
    else if (step.type === 'leave') result.left.push(step.directory.path.toString('latin1'));
    else if (step.type === 'entry') {
      result.files.push(`${step.directory.path.toString('latin1')}/${Buffer.from(step.name).toString('latin1')}`);
    } else result.refused.push((step.error as Error).message);
  }
  return result;
}

describe('a hostile snapshot', () => {
  test.each(['..', '.', '', '../../etc/cron.d/x', '/etc/passwd', 'a/b', 'a\0b', '\0'])(
    'the name %j is refused, and its neighbours are walked',
    async (name) => {
      const { directory, read } = directories();
      const inner = directory([entry('inside', file)]);
      const root = directory([entry('a', file), entry(name, file), entry(name, inner), entry('z', file)]);
      const result = await walk([{ path: bytes('/home/ann'), meta: root }], read);
      expect(result.files).toEqual(['/home/ann/a', '/home/ann/z']);
      expect(result.entered).toEqual(['/', '/home', '/home/ann']);
      expect(result.refused).toHaveLength(2);
      expect(result.refused[0]).toContain('could lead out of the target');
    },
  );

  test.each(['relative', '/home/../etc', '/home/./x', '/a\0b', '../x'])('the root %j is refused', async (path) => {
    const { directory, read } = directories();
    const good = { path: bytes('/good'), meta: directory([entry('file', file)]) };
    const result = await walk([good, { path: bytes(path), meta: directory([entry('file', file)]) }], read);
    expect(result.files).toEqual(['/good/file']);
    expect(result.refused).toHaveLength(1);
  });

  test('control characters in a refused name do not reach the terminal', async () => {
    const { directory, read } = directories();
    const root = directory([entry('\u001b[2J/', file)]);
    const { refused } = await walk([{ path: bytes('/r'), meta: root }], read);
    expect(refused[0]).toContain(String.raw`\x1b[2J/`);
  });

  test('a listing that breaks off: what came before is walked, and the directory is left', async () => {
    const { directory } = directories();
    const root = directory([]);
    const result = await walk([{ path: bytes('/r'), meta: root }], function* () {
      yield entry('before', file);
      throw new Error('damaged');
    });
    expect(result.files).toEqual(['/r/before']);
    expect(result.refused).toEqual(['damaged']);
    expect(result.left).toEqual(['/r', '/']);
  });
});

test('directories above several roots come once, and are left last', async () => {
  const { directory, read } = directories();
  const one = { path: bytes('/home/ann/one'), meta: directory([entry('x', file)]) };
  const two = {
    path: bytes('/home/ann/two'),
    meta: directory([entry('d', directory([entry('y', file)])), entry('e', file)]),
  };
  const { entered, files, left } = await walk([one, two], read);
  expect(entered).toEqual(['/', '/home', '/home/ann', '/home/ann/one', '/home/ann/two', '/home/ann/two/d']);
  expect(files).toEqual(['/home/ann/one/x', '/home/ann/two/d/y', '/home/ann/two/e']);
  expect(left).toEqual(['/home/ann/one', '/home/ann/two/d', '/home/ann/two', '/home/ann', '/home', '/']);
});
