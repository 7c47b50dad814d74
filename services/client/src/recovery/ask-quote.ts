/** A quote for somebody who has no vault yet. */
import { createMediatorApi, unwrap } from '@holdfast/http-api';
import { mediatorBaseUrl, parseMediatorAddress } from '@holdfast/protocol';
import type { Quote, Terms } from '../ports.ts';
import { createMediatorDispatcher } from '../transport/index.ts';
import { meetMediator } from './meet-mediator.ts';

/** @throws HoldfastError as `meetMediator`, and `policy.…`, `market.…` */
export async function askQuote(address: string, sizeBytes: number, terms: Terms): Promise<Quote> {
  const { caPem, info } = await meetMediator(address);
  const dispatcher = createMediatorDispatcher(caPem, info.mediatorId);
  try {
    const api = createMediatorApi({ baseUrl: mediatorBaseUrl(parseMediatorAddress(address)), dispatcher });
    return await unwrap(api.POST('/v1/quotes', { body: { bytes: sizeBytes, terms } }));
  } finally {
    await dispatcher.destroy();
  }
}
