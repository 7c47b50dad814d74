/** Trees with everything that a file system can hold, the same for the same seed. */
import { execFileSync } from 'node:child_process';
import {
  chmodSync,
  closeSync,
  ftruncateSync,
  linkSync,
  lutimesSync,
  mkdirSync,
  openSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { join } from 'node:path';
import { createSeededRandomness, randomIntBelow, type Randomness } from '@holdfast/platform';

export interface FixtureOptions {
  readonly seed: string;
  readonly smallFiles: number;
  /** Of the big file, a third of it holes. */
  readonly bigBytes: number;
}

const MiB = 1024 * 1024;
const PIECE_BYTES = MiB;
const PER_DIRECTORY = 250;

/** Makes `root` and fills it. */
export function makeFixtureTree(root: string, { seed, smallFiles, bigBytes }: FixtureOptions): void {
  const random = createSeededRandomness(seed);
  mkdirSync(root);
  makeSmallFiles(join(root, 'many'), smallFiles, random);
  makeBigFile(join(root, 'big.bin'), bigBytes, random);
  makeDuplicates(join(root, 'duplicates'), random);
  makeOddNames(join(root, 'odd names'));
  makeSparseFiles(join(root, 'sparse'), random);
  makeModes(join(root, 'modes'));
  makeSpecials(join(root, 'specials'));
  makeLinks(root);
  makeTimes(join(root, 'times'));
}

const WORDS = 'any few of the many nodes may vanish and every file comes back bit for bit'.split(' ');

/** Text that compresses about as well as sources do. */
function someText(random: Randomness, sizeBytes: number): string {
  let text = '';
  while (text.length < sizeBytes) {
    text += Array.from(random.bytes(16), (byte) => WORDS[byte % WORDS.length]).join(' ') + `${text.length}\n`;
  }
  return text.slice(0, sizeBytes);
}

/** From empty to some 20 KB, text and random bytes, in directories of directories. */
function makeSmallFiles(directory: string, count: number, random: Randomness): void {
  for (let n = 0; n < count; n += 1) {
    const below = join(directory, `group ${Math.floor(n / PER_DIRECTORY / 10)}`, `${Math.floor(n / PER_DIRECTORY)}`);
    if (n % PER_DIRECTORY === 0) mkdirSync(below, { recursive: true });
    const sizeBytes = n % 50 === 0 ? 0 : randomIntBelow(random, n % 10 === 0 ? 20_000 : 2_000);
    writeFileSync(join(below, `file-${n}`), n % 3 === 0 ? random.bytes(sizeBytes) : someText(random, sizeBytes));
  }
}

/** Random bytes, a hole, text: each a third. */
function makeBigFile(path: string, sizeBytes: number, random: Randomness): void {
  const file = openSync(path, 'wx');
  const third = Math.floor(sizeBytes / 3 / PIECE_BYTES) * PIECE_BYTES;
  for (let at = 0; at < third; at += PIECE_BYTES) writeSync(file, random.bytes(PIECE_BYTES), 0, PIECE_BYTES, at);
  const text = Buffer.from(someText(random, PIECE_BYTES));
  for (let at = 2 * third; at < sizeBytes; at += PIECE_BYTES) {
    // Each piece another, so that none is a duplicate of the one before.
    text.writeUInt32LE(at / PIECE_BYTES);
    writeSync(file, text, 0, Math.min(PIECE_BYTES, sizeBytes - at), at);
  }
  closeSync(file);
}

/** The same bytes under several names, and the same again behind something else. */
function makeDuplicates(directory: string, random: Randomness): void {
  mkdirSync(directory);
  const bytes = random.bytes(3 * MiB + 17);
  for (const name of ['one', 'two', 'three']) writeFileSync(join(directory, name), bytes);
  writeFileSync(join(directory, 'shifted'), Buffer.concat([random.bytes(1000), bytes]));
  for (let n = 0; n < 20; n += 1) writeFileSync(join(directory, `small ${n}`), 'the same small content');
}

const NAMES: readonly (string | Buffer)[] = [
  ' leading and trailing ',
  'new\nline',
  'tab\tand\rreturn',
  '"double" and \'single\' quotes',
  '-rf',
  '--help',
  '*?[a-z]{x,y}!',
  'back\\slash\\',
  '$(touch pwned) `x` ; & | < >',
  '~',
  '...',
  '..dots',
  '#hash%41%n%s',
  'a:b',
  '\u0001\u001b[31mred\u007f',
  'ä precomposed',
  'a\u0308 decomposed',
  '漢字 🗝️',
  Buffer.from([0xff, 0xfe, 0x80, 0x41]),
  Buffer.from([0x66, 0xc3, 0x28, 0xed, 0xa0, 0x80]),
  'n'.repeat(255),
  Buffer.alloc(255, 0xe9),
  '.holdfast',
  'CON',
];

function makeOddNames(directory: string): void {
  mkdirSync(directory);
  for (const [n, name] of NAMES.entries()) {
    const path = Buffer.concat([Buffer.from(`${directory}/`), Buffer.from(name)]);
    writeFileSync(path, `odd name ${n}`);
    if (path.length - directory.length > 250) continue;
    const below = Buffer.concat([path, Buffer.from('.d')]);
    mkdirSync(below);
    writeFileSync(Buffer.concat([below, Buffer.from('/'), Buffer.from(name)]), `odd name ${n} below itself`);
  }
}

function makeSparseFiles(directory: string, random: Randomness): void {
  mkdirSync(directory);
  const write = (name: string, sizeBytes: number, at: readonly number[]): void => {
    const file = openSync(join(directory, name), 'wx');
    ftruncateSync(file, sizeBytes);
    for (const offset of at) writeSync(file, random.bytes(4096), 0, 4096, offset);
    closeSync(file);
  };
  write('only a hole', 5 * MiB, []);
  write('hole at the beginning', 9 * MiB + 4096, [9 * MiB]);
  write('hole at the end', 9 * MiB, [0]);
  write('holes between', 20 * MiB, [0, 7 * MiB, 13 * MiB, 20 * MiB - 4096]);
  write('hole of 64 KiB', 3 * 65_536, [0, 2 * 65_536]);
  write('small hole', 16_384, [0, 12_288]);
  // Zeros that are no hole.
  writeFileSync(join(directory, 'zeros'), Buffer.alloc(300_000));
}

function makeModes(directory: string): void {
  mkdirSync(directory);
  for (const mode of [0o600, 0o644, 0o755, 0o444, 0o400, 0o4755, 0o2755, 0o6711, 0o1644]) {
    const path = join(directory, mode.toString(8));
    writeFileSync(path, `mode ${mode.toString(8)}`);
    chmodSync(path, mode);
  }
  for (const mode of [0o700, 0o1777, 0o2775, 0o555]) {
    const path = join(directory, `${mode.toString(8)}.d`);
    mkdirSync(path);
    writeFileSync(join(path, 'inside'), 'inside');
    chmodSync(path, mode);
  }
}

function makeSpecials(directory: string): void {
  mkdirSync(join(directory, 'empty directory/with an empty one'), { recursive: true });
  writeFileSync(join(directory, 'empty file'), '');
  execFileSync('mkfifo', ['-m', '640', join(directory, 'fifo')]);
  // Not everywhere may root make devices.
  if (process.geteuid?.() === 0) spawnQuietly('mknod', [join(directory, 'null'), 'c', '1', '3']);
}

function spawnQuietly(program: string, args: readonly string[]): void {
  try {
    execFileSync(program, args, { stdio: 'ignore' });
  } catch {
    // left out
  }
}

function makeLinks(root: string): void {
  const soft = join(root, 'symlinks');
  mkdirSync(soft);
  const targets: Record<string, string | Buffer> = {
    'to a file': '../big.bin',
    'to a directory': '../many',
    dangling: 'nowhere/at all',
    absolute: join(root, 'specials'),
    'to itself': 'to itself',
    'to the parent': '..',
    long: 'x/'.repeat(1000),
    'not UTF-8': Buffer.from([0xff, 0x2f, 0xfe]),
  };
  for (const [n, [name, target]] of Object.entries(targets).entries()) {
    symlinkSync(target, join(soft, name));
    lutimesSync(join(soft, name), 1e9, 1_000_000_000.5 + n * 86_400);
  }
  const hard = join(root, 'hard links');
  mkdirSync(join(hard, 'below'), { recursive: true });
  writeFileSync(join(hard, 'first'), 'one file with four names');
  for (const path of [join(hard, 'second'), join(hard, 'below/third'), join(root, 'specials/fourth')]) {
    linkSync(join(hard, 'first'), path);
  }
  writeFileSync(join(hard, 'large'), Buffer.alloc(2 * MiB, 'linked '));
  linkSync(join(hard, 'large'), join(hard, 'below/large too'));
  linkSync(join(soft, 'dangling'), join(hard, 'a second name of a symlink'));
  linkSync(join(root, 'specials/fifo'), join(hard, 'a second name of a fifo'));
}

/** To the nanosecond, long ago, and in the future; of directories too, and these last. */
function makeTimes(directory: string): void {
  mkdirSync(join(directory, 'old directory'), { recursive: true });
  const times: Record<string, string> = {
    nanoseconds: '2021-03-04T05:06:07.123456789Z',
    'before 1970': '1965-01-02T03:04:05.500Z',
    epoch: '1970-01-01T00:00:00Z',
    future: '2100-12-31T23:59:59.999999999Z',
  };
  for (const [name, time] of Object.entries(times)) {
    writeFileSync(join(directory, name), name);
    execFileSync('touch', ['-m', '-d', time, join(directory, name)]);
  }
  writeFileSync(join(directory, 'old directory/new file'), 'new');
  utimesSync(join(directory, 'old directory'), 5e8, 5e8 + 0.25);
  utimesSync(directory, 6e8, 6e8 + 0.75);
}
