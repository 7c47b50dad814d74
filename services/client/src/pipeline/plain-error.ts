/** Errors between threads: structured clone keeps neither their class nor their code. */
import { fail, HoldfastError } from '@holdfast/protocol';
import type { PlainError } from './messages.ts';

export function toPlainError(error: unknown): PlainError {
  if (error instanceof HoldfastError) return { code: error.code, params: error.params };
  const { message, stack } = error instanceof Error ? error : { message: String(error), stack: undefined };
  return { code: 'internal.unexpected', params: { incident: message }, ...(stack === undefined ? {} : { stack }) };
}

export function fromPlainError({ code, params, stack }: PlainError): HoldfastError {
  const error = fail(code, params);
  if (stack !== undefined) error.stack = stack;
  return error;
}
