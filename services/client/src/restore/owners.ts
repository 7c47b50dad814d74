/** Who a restored file belongs to on this machine: by name where that name is known here, else by number. */
import { readFileSync } from 'node:fs';
import type { FileMeta } from '@holdfast/codec';
import type { Attributes } from './job.ts';

export interface OwnerRules {
  /** Mode, owner and time to set. Notes once what cannot be set. */
  attributesOf(meta: FileMeta): Attributes;
  /** What was not set, in sentences for the report. */
  notes(): string[];
}

export interface OwnerRulesOptions {
  /** Of this process: 0 may give files away. */
  readonly effectiveUid: number;
  /** The groups of this process. */
  readonly groups: readonly number[];
  readonly passwdPath?: string;
  readonly groupPath?: string;
}

const SET_UID = 0o4000;
const SET_GID = 0o2000;

export function createOwnerRules({ effectiveUid, groups, ...paths }: OwnerRulesOptions): OwnerRules {
  const users = readNumbers(paths.passwdPath ?? '/etc/passwd');
  const groupNumbers = readNumbers(paths.groupPath ?? '/etc/group');
  const memberOf = new Set(groups);
  let ownersLeft = 0;
  let bitsDropped = 0;
  const isPrivileged = effectiveUid === 0;

  return {
    attributesOf({ mode, uid: savedUid, gid: savedGid, userName, groupName, mtimeNs }) {
      const uid = (userName === '' ? undefined : users.get(userName)) ?? savedUid;
      const gid = (groupName === '' ? undefined : groupNumbers.get(groupName)) ?? savedGid;
      if (isPrivileged) return { mode, uid, gid, mtimeNs };
      // Giving files away takes privileges; a group of one's own does not.
      const ownsIt = uid === effectiveUid;
      const inGroup = memberOf.has(gid);
      if (!ownsIt || !inGroup) ownersLeft += 1;
      // A program that ran as somebody else must not come back as one that runs as us.
      const kept = mode & ~((ownsIt ? 0 : SET_UID) | (inGroup ? 0 : SET_GID));
      if (kept !== mode) bitsDropped += 1;
      return inGroup ? { mode: kept, uid: effectiveUid, gid, mtimeNs } : { mode: kept, mtimeNs };
    },
    notes() {
      const notes: string[] = [];
      if (ownersLeft > 0) {
        notes.push(
          `${ownersLeft} ${ownersLeft === 1 ? 'entry belongs' : 'entries belong'} to you now instead of the owner and group that were saved: setting those takes root.`,
        );
      }
      if (bitsDropped > 0) {
        notes.push(
          `${bitsDropped} ${bitsDropped === 1 ? 'entry' : 'entries'} lost set-user-id or set-group-id, because another owner was saved.`,
        );
      }
      return notes;
    },
  };
}

/** Lines of `name:password:number:…`. */
function readNumbers(path: string): Map<string, number> {
  const numbers = new Map<string, number>();
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch {
    // Systems without the file have numbers only.
    return numbers;
  }
  for (const line of text.split('\n')) {
    const [name, , number] = line.split(':');
    if (name && number && /^\d+$/.test(number) && !numbers.has(name)) numbers.set(name, Number(number));
  }
  return numbers;
}
