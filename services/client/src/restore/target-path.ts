/** Where entries of a snapshot go below the target, and the refusal of every name that could lead out of it. */
import { Buffer } from 'node:buffer';

const SLASH = Buffer.from('/');

/** Whether a name from a snapshot may become a name on this disk: no `/`, no NUL, not `.` or `..`, not empty. */
export function isSafeName(name: Uint8Array): boolean {
  if (name.length === 0 || name.includes(0x2f) || name.includes(0)) return false;
  return !(name[0] === 0x2e && (name.length === 1 || (name.length === 2 && name[1] === 0x2e)));
}

/** Joins one safe name to a directory. Both are bytes: names need not be in any encoding. */
export const joinPath = (directory: Uint8Array, name: Uint8Array): Buffer =>
  Buffer.concat(directory.length === 1 && directory[0] === 0x2f ? [SLASH, name] : [directory, SLASH, name]);

/**
 * The names of an absolute path of a snapshot's root: `/home/ann` → `home`, `ann`; `/` → none.
 * Undefined when it is not absolute or has a name that is not safe: such a root is refused.
 */
export function namesOfRoot(path: Uint8Array): Uint8Array[] | undefined {
  if (path[0] !== 0x2f) return undefined;
  const names: Uint8Array[] = [];
  let start = 1;
  for (let at = 1; at <= path.length; at += 1) {
    if (at < path.length && path[at] !== 0x2f) continue;
    if (at > start) names.push(path.subarray(start, at));
    start = at + 1;
  }
  return names.every(isSafeName) ? names : undefined;
}

/** For people and reports: the path as text, every byte that is no printable text as an escape. */
export function showPath(path: Uint8Array): string {
  const bytes = Buffer.from(path.buffer, path.byteOffset, path.length);
  const text = bytes.toString('utf8');
  const isText = Buffer.from(text, 'utf8').equals(bytes);
  const shown = isText ? text : bytes.toString('latin1');
  const control = isText ? /[\u0000-\u001f\u007f-\u009f\u2028\u2029\u202a-\u202e\u2066-\u2069]/g : /[^\u0020-\u007e]/g;
  return shown.replace(control, (character) => {
    if (character === '\n') return String.raw`\n`;
    if (character === '\t') return String.raw`\t`;
    const code = character.codePointAt(0)!;
    return code > 0xff ? String.raw`\u${code.toString(16)}` : String.raw`\x${code.toString(16).padStart(2, '0')}`;
  });
}
