/** Who may look at what. Pure. An operator is a node's key: with several nodes, several sign-ins. */
import { fail, type Role } from '@holdfast/protocol';
import type { Scope } from './ports.ts';

export interface Viewer {
  readonly role: Role;
  /** Of a client: its id; of an operator: its node's. */
  readonly publicKey: string;
}

/** @throws HoldfastError `auth.required` to everybody else */
export function checkAdmin({ role }: Viewer): void {
  if (role !== 'admin') throw fail('auth.required', { role: 'admin' });
}

/** @throws HoldfastError `auth.not-yours` unless it is an admin, or the node's operator */
export function checkNode(viewer: Viewer, nodeId: string): void {
  if (viewer.role === 'admin' || (viewer.role === 'operator' && viewer.publicKey === nodeId)) return;
  throw fail('auth.not-yours', { what: 'node' });
}

/** @throws HoldfastError `auth.not-yours` unless it is an admin, or the client itself */
export function checkClient(viewer: Viewer, clientId: string): void {
  if (viewer.role === 'admin' || (viewer.role === 'client' && viewer.publicKey === clientId)) return;
  throw fail('auth.not-yours', { what: 'account' });
}

/** Whether it is an admin, or a party to it. */
export const isParty = (viewer: Viewer, parties: { readonly clientId: string; readonly nodeId: string }): boolean =>
  viewer.role === 'admin' ||
  (viewer.role === 'client' && viewer.publicKey === parties.clientId) ||
  (viewer.role === 'operator' && viewer.publicKey === parties.nodeId);

/** What of all events and entries it sees. */
export function scopeOf({ role, publicKey }: Viewer): Scope {
  if (role === 'admin') return 'all';
  return role === 'operator' ? { nodeId: publicKey } : { clientId: publicKey };
}
