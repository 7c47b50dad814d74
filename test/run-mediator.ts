/** A mediator as a child process; see processes.ts. */
import { type MediatorOptions, startMediator } from '@holdfast/mediator';
import { createLogger } from '@holdfast/platform';
import { runAsChild } from './processes.ts';

export interface MediatorReady {
  address: string;
  databaseUrl: string;
}

runAsChild<MediatorOptions, MediatorReady>(async (options) => {
  const mediator = await startMediator({ ...options, logger: createLogger({ service: 'mediator', level: 'info' }) });
  return { ready: { address: mediator.address, databaseUrl: mediator.databaseUrl }, stop: () => mediator.stop() };
});
