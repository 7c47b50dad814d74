/** Where a server listens, and how a setting says it. */
import { PlatformError } from './errors.ts';

export interface Listen {
  readonly host: string;
  /** 0: any free one. */
  readonly port: number;
}

/** @param name of the setting, for the sentence. @throws PlatformError `config.invalid` unless it is host:port */
export function parseListen(name: string, text: string): Listen {
  const match = /^(?:\[([0-9a-fA-F:.]+)\]|([^:[\]\s]+)):(\d{1,5})$/.exec(text);
  const host = match?.[1] ?? match?.[2];
  const port = Number(match?.[3]);
  if (host === undefined || port > 65_535) throw invalidSetting(`${name} must be host:port, not "${text}".`);
  return { host, port };
}

/** Builds (does not throw) `config.invalid`, for what a setting's type alone cannot say. */
export const invalidSetting = (problem: string): PlatformError =>
  new PlatformError('config.invalid', problem, 'Correct the environment and start again; --help lists every setting.');
