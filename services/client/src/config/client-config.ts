/** `config.json` of a client: which mediator, which vault, which directories. */
import { join } from 'node:path';
import { createDirectoryDurably, PlatformError, readJsonFile, writeFileDurably } from '@holdfast/platform';
import { fail, isPartyId, type Network, NETWORKS, parseMediatorAddress } from '@holdfast/protocol';
import type { ClientConfig } from '../ports.ts';

export const configPath = (home: string): string => join(home, 'config.json');

/** @throws HoldfastError `client.not-set-up`, `client.bad-config` */
export async function readClientConfig(home: string): Promise<ClientConfig> {
  const path = configPath(home);
  try {
    return await readJsonFile(path, parseClientConfig);
  } catch (error) {
    if (!(error instanceof PlatformError)) throw error;
    if (error.code === 'file.missing') throw fail('client.not-set-up', { path: home }, error);
    throw fail('client.bad-config', { path, detail: error.message }, error);
  }
}

/** Creates the home (only its owner may enter) where it is missing. */
export async function writeClientConfig(home: string, config: ClientConfig): Promise<void> {
  await createDirectoryDurably(home);
  await writeFileDurably(configPath(home), `${JSON.stringify(parseClientConfig(config), null, 2)}\n`);
}

const NAMES = ['version', 'mediator', 'caPem', 'mediatorId', 'network', 'vaultId', 'machineId', 'directories'];

/** The value with its types, or an exception that says which key is wrong. */
export function parseClientConfig(value: unknown): ClientConfig {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw bad('it is no object');
  const fields = value as Record<string, unknown>;
  const unknown = Object.keys(fields).find((name) => !NAMES.includes(name));
  if (unknown !== undefined) throw bad(`the key "${unknown}" is unknown`);
  if (fields['version'] !== 1) throw bad('"version" must be 1: update holdfast');
  const mediator = text(fields, 'mediator');
  parseMediatorAddress(mediator);
  const mediatorId = text(fields, 'mediatorId');
  if (!isPartyId(mediatorId)) throw bad('"mediatorId" must have 64 hex digits');
  const network = text(fields, 'network');
  if (!(NETWORKS as readonly string[]).includes(network)) throw bad(`"network" must be one of ${NETWORKS.join(', ')}`);
  const directories = fields['directories'];
  if (!Array.isArray(directories) || !directories.every((path) => typeof path === 'string' && path.startsWith('/'))) {
    throw bad('"directories" must be a list of absolute paths');
  }
  return {
    version: 1,
    mediator,
    caPem: text(fields, 'caPem'),
    mediatorId,
    network: network as Network,
    vaultId: shortId(fields, 'vaultId'),
    machineId: shortId(fields, 'machineId'),
    directories: [...(directories as string[])].toSorted(),
  };
}

function text(fields: Record<string, unknown>, name: string): string {
  const value = fields[name];
  if (typeof value !== 'string' || value === '') throw bad(`"${name}" must be text`);
  return value;
}

function shortId(fields: Record<string, unknown>, name: string): string {
  const value = text(fields, name);
  if (!/^[0-9a-f]{32}$/.test(value)) throw bad(`"${name}" must have 32 hex digits`);
  return value;
}

const bad = (detail: string): Error => fail('input.invalid', { detail });
