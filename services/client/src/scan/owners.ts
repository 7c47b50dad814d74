/** Names of users and groups, from /etc/passwd and /etc/group: read once per backup. */
import { readFileSync } from 'node:fs';

export interface Owners {
  /** Empty when the number has no name. */
  userName(uid: number): string;
  groupName(gid: number): string;
}

const MAX_NAME_BYTES = 255;

export function readOwners(passwdPath = '/etc/passwd', groupPath = '/etc/group'): Owners {
  const users = readNames(passwdPath);
  const groups = readNames(groupPath);
  return { userName: (uid) => users.get(uid) ?? '', groupName: (gid) => groups.get(gid) ?? '' };
}

/** Lines of `name:password:number:…`; the first name of a number counts. */
function readNames(path: string): Map<number, string> {
  const names = new Map<number, string>();
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch {
    // Systems without the file have numbers only.
    return names;
  }
  for (const line of text.split('\n')) {
    const [name, , number] = line.split(':');
    const id = Number(number);
    if (!name || !number || !Number.isInteger(id) || Buffer.byteLength(name) > MAX_NAME_BYTES) continue;
    if (!names.has(id)) names.set(id, name);
  }
  return names;
}
