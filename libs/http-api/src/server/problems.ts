/** Every failure leaves as problem+json with a code of the catalogue; what we don't know is logged and named by an incident. */
import { STATUS_CODES } from 'node:http';
import type { Socket } from 'node:net';
import { fail, HoldfastError } from '@holdfast/protocol';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';

/** Turns an error of another library into the catalogue's; undefined when it is not known. */
export type Translate = (error: unknown) => HoldfastError | undefined;

interface FrameworkError {
  code?: unknown;
  message?: string;
  statusCode?: unknown;
  validation?: { instancePath?: string; message?: string; params?: Record<string, unknown> }[];
  validationContext?: string;
}

const PROBLEM_TYPE = 'application/problem+json; charset=utf-8';

/** Sends the error; also usable where a handler was not reached. */
export async function sendProblem(error: HoldfastError, reply: FastifyReply): Promise<FastifyReply> {
  const retryAfterSeconds = error.params['retryAfterSeconds'];
  if (retryAfterSeconds !== undefined) reply.header('retry-after', retryAfterSeconds);
  // A string passes the response serialiser untouched.
  return reply.code(error.httpStatus).type(PROBLEM_TYPE).send(JSON.stringify(error.toProblem()));
}

/** What of an error may stand in the log. */
export type Loggable = (error: unknown) => unknown;

export function installProblems(
  app: FastifyInstance,
  translate: Translate,
  loggable: Loggable = (error) => error,
): void {
  app.setErrorHandler(async (error, request, reply) => {
    const known = toCatalogue(error, request, translate);
    if (known.httpStatus >= 500) request.log.error({ err: loggable(error), code: known.code }, known.message);
    else request.log.debug({ code: known.code }, known.message);
    return sendProblem(known, reply);
  });
  app.setNotFoundHandler(async (request, reply) =>
    sendProblem(fail('input.unknown-route', { method: request.method, path: pathOf(request) }), reply),
  );
}

export function toCatalogue(error: unknown, request: FastifyRequest, translate: Translate): HoldfastError {
  if (error instanceof HoldfastError) return error;
  const translated = translate(error);
  if (translated !== undefined) return translated;
  const { code, message, statusCode, validation, validationContext } = (error ?? {}) as FrameworkError;
  if (validation !== undefined)
    return fail('input.invalid', { detail: describeValidation(validation, validationContext) });
  if (code === 'FST_ERR_CTP_BODY_TOO_LARGE') {
    const limit = `${request.routeOptions.bodyLimit ?? '?'} bytes`;
    return fail('input.too-large', { what: 'body', limit });
  }
  const isClientFault = typeof statusCode === 'number' && statusCode >= 400 && statusCode < 500;
  if (isClientFault)
    return fail('input.invalid', { detail: sentence(message ?? STATUS_CODES[statusCode] ?? 'it was refused') });
  return fail('internal.unexpected', { incident: request.id }, error);
}

function describeValidation(validation: NonNullable<FrameworkError['validation']>, context = 'request'): string {
  const [first] = validation;
  const extra = first?.params?.['additionalProperty'];
  const field = `${context}${(first?.instancePath ?? '').replaceAll('/', '.')}`;
  return sentence(
    `${field} ${first?.message ?? 'is not valid'}${typeof extra === 'string' ? ` (${extra.slice(0, 64)})` : ''}`,
  );
}

const sentence = (text: string): string => (text.endsWith('.') ? text : `${text}.`);

const pathOf = (request: FastifyRequest): string => request.url.split('?', 1)[0]!.slice(0, 200);

/** Answers what the HTTP parser refused, and closes the connection. */
export function answerBrokenRequest(error: NodeJS.ErrnoException, socket: Socket, maxHeaderBytes: number): void {
  if (error.code === 'ECONNRESET' || !socket.writable) {
    socket.destroy();
    return;
  }
  const problem = brokenRequest(error.code, maxHeaderBytes).toProblem();
  const body = JSON.stringify(problem);
  socket.end(
    `HTTP/1.1 ${problem.status} ${STATUS_CODES[problem.status]}\r\ncontent-type: ${PROBLEM_TYPE}\r\n` +
      `content-length: ${Buffer.byteLength(body)}\r\nconnection: close\r\n\r\n${body}`,
  );
}

function brokenRequest(code: string | undefined, maxHeaderBytes: number): HoldfastError {
  if (code === 'HPE_HEADER_OVERFLOW')
    return fail('input.too-large', { what: 'header', limit: `${maxHeaderBytes} bytes` });
  if (code === 'ERR_HTTP_REQUEST_TIMEOUT')
    return fail('input.invalid', { detail: 'the request did not arrive in time.' });
  return fail('input.invalid', { detail: 'this is not HTTP/1.1.' });
}
