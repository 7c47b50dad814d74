/**
 * Which paths a restore is about: `/home/ann/photos`, `*.jpg`, `/home/**` + `/notes`. Paths are bytes, written here as latin1
 * text (one character a byte), so that names in no encoding match too. Matching goes name by name, so that a walk can
 * leave out whole directories in which nothing can match.
 */
import { fail } from '@holdfast/protocol';

/** What a pattern says of one name on the way down. */
export type PatternVerdict =
  /** The path matches: it and everything below it. */
  | 'selected'
  /** Something below may match. */
  | 'descend'
  /** Nothing here or below. */
  | 'out';

/** Where a walk stands: the verdict for this path, and how to go one name further. */
export interface PatternState {
  readonly verdict: PatternVerdict;
  /** @param name bytes as latin1 text, without `/`. */
  enter(name: string): PatternState;
}

export interface PathPatterns {
  /** The state at `/`. */
  readonly start: PatternState;
  /** Patterns that selected nothing since they were made. */
  unmatched(): string[];
}

const ANY_DEPTH = Symbol('**');
type Segment = typeof ANY_DEPTH | readonly Token[];
/** A byte (its code), any one character, or any run of characters. */
type Token = number | 'one' | 'run';

const MAX_PATTERN_LENGTH = 8192;
const SLASH = 0x2f;

/** One byte string as latin1 text. */
export const latin1 = (bytes: Uint8Array): string =>
  Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('latin1');

/** Everything. */
const EVERYTHING: PatternState = { verdict: 'selected', enter: () => EVERYTHING };
const NOTHING: PatternState = { verdict: 'out', enter: () => NOTHING };

/**
 * `*` stands for any run of characters within a name, `?` for one character, `**` as a whole name for any number of
 * directories; `\` takes the meaning from the character after it. A pattern without a leading `/` may begin at any
 * directory. A pattern that matches a directory selects all that is in it. No patterns at all select everything.
 * @throws HoldfastError `client.bad-pattern`
 */
export function compilePatterns(patterns: readonly string[]): PathPatterns {
  if (patterns.length === 0) return { start: EVERYTHING, unmatched: () => [] };
  const programs = patterns.map(parsePattern);
  const matched = new Set<number>();
  const initial = programs.map(() => 0).flatMap((_, program) => closure(programs, { program, segment: 0 }));
  return {
    start: stateOf(programs, matched, initial),
    unmatched: () => patterns.filter((_, index) => !matched.has(index)),
  };
}

/** How far one pattern has come: the segment that the next name must match. */
interface Position {
  readonly program: number;
  readonly segment: number;
}

function stateOf(programs: readonly Segment[][], matched: Set<number>, positions: readonly Position[]): PatternState {
  const done = positions.filter(({ program, segment }) => segment === programs[program]!.length);
  if (done.length > 0) {
    for (const { program } of done) matched.add(program);
    // Other patterns may still be waiting for their first match below; what they say changes nothing but that.
    return {
      verdict: 'selected',
      enter: (name) => selectedBelow(stateOf(programs, matched, step(programs, positions, name))),
    };
  }
  if (positions.length === 0) return NOTHING;
  return { verdict: 'descend', enter: (name) => stateOf(programs, matched, step(programs, positions, name)) };
}

const selectedBelow = (state: PatternState): PatternState =>
  state === NOTHING ? EVERYTHING : { verdict: 'selected', enter: (name) => selectedBelow(state.enter(name)) };

function step(programs: readonly Segment[][], positions: readonly Position[], name: string): Position[] {
  const next: Position[] = [];
  const seen = new Set<string>();
  for (const { program, segment } of positions) {
    const wanted = programs[program]![segment];
    if (wanted === undefined) continue;
    if (wanted !== ANY_DEPTH && !matchesName(wanted, name)) continue;
    const reached = { program, segment: wanted === ANY_DEPTH ? segment : segment + 1 };
    for (const position of closure(programs, reached)) {
      const key = `${position.program}:${position.segment}`;
      if (!seen.has(key)) next.push(position);
      seen.add(key);
    }
  }
  return next;
}

/** `**` may stand for nothing at all, so the segment after it is awaited at once. */
function closure(programs: readonly Segment[][], from: Position): Position[] {
  const positions = [from];
  let { segment } = from;
  while (programs[from.program]![segment] === ANY_DEPTH) {
    segment += 1;
    positions.push({ program: from.program, segment });
  }
  return positions;
}

function parsePattern(pattern: string): Segment[] {
  const refuse = (detail: string): never => {
    throw fail('client.bad-pattern', { pattern: pattern.slice(0, 200), detail });
  };
  if (pattern === '' || pattern.includes('\0')) refuse('it is empty or has a NUL in it');
  if (pattern.length > MAX_PATTERN_LENGTH) refuse(`it is longer than ${MAX_PATTERN_LENGTH} characters`);
  const names = splitNames(Buffer.from(pattern, 'utf8'));
  const isAnchored = pattern.startsWith('/');
  const segments = names.filter((tokens) => tokens.length > 0).map(segmentOf);
  if (segments.some((segment) => segment !== ANY_DEPTH && isDots(segment))) refuse('it has . or .. in it');
  if (!isAnchored && segments[0] !== ANY_DEPTH) segments.unshift(ANY_DEPTH);
  return segments;
}

const isDots = (segment: readonly Token[]): boolean =>
  segment.length > 0 && segment.length < 3 && segment.every((token) => token === 0x2e);

const segmentOf = (tokens: readonly Token[]): Segment =>
  tokens.length === 2 && tokens.every((token) => token === 'run') ? ANY_DEPTH : tokens;

function splitNames(bytes: Uint8Array): Token[][] {
  const names: Token[][] = [[]];
  for (let at = 0; at < bytes.length; at += 1) {
    const byte = bytes[at]!;
    const current = names.at(-1)!;
    if (byte === SLASH) names.push([]);
    else if (byte === 0x2a) current.push('run');
    else if (byte === 0x3f) current.push('one');
    else if (byte === 0x5c && at + 1 < bytes.length && bytes[at + 1] !== SLASH) current.push(bytes[(at += 1)]!);
    else current.push(byte);
  }
  return names;
}

/** Linear in name × tokens: a `*` is retried only from the last one. */
function matchesName(tokens: readonly Token[], name: string): boolean {
  let token = 0;
  let at = 0;
  let retryToken = -1;
  let retryAt = -1;
  while (at < name.length) {
    const wanted = tokens[token];
    if (wanted === 'run') {
      retryToken = token;
      retryAt = at;
      token += 1;
    } else if (wanted === 'one') {
      at += characterLength(name, at);
      token += 1;
    } else if (wanted === name.charCodeAt(at)) {
      at += 1;
      token += 1;
    } else if (retryToken >= 0) {
      retryAt += 1;
      at = retryAt;
      token = retryToken + 1;
    } else return false;
  }
  while (tokens[token] === 'run') token += 1;
  return token === tokens.length;
}

/** Bytes of the UTF-8 character at `at`; 1 where there is none. */
function characterLength(name: string, at: number): number {
  const first = name.charCodeAt(at);
  const length = first >= 0xf0 ? 4 : first >= 0xe0 ? 3 : first >= 0xc0 ? 2 : 1;
  for (let index = 1; index < length; index += 1) {
    const byte = name.charCodeAt(at + index);
    if (!(byte >= 0x80 && byte < 0xc0)) return 1;
  }
  return length;
}
