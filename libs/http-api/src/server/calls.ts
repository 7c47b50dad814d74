/** Typed handlers: what an operation of the contract is called with and what it must answer. */
import type { Readable } from 'node:stream';
import type { FastifyReply, FastifyRequest } from 'fastify';

type ContentOf<Message> = Message extends { content: infer Content } ? Content : never;

type ReceivedBody<Content> = [Content] extends [never]
  ? undefined
  : Content extends { 'application/octet-stream': unknown }
    ? Readable
    : Content extends { 'application/json': infer Json }
      ? Json
      : never;

type SentBody<Content> = [Content] extends [never]
  ? void
  : Content extends { 'application/octet-stream': unknown }
    ? Readable | Uint8Array
    : Content extends { 'application/json': infer Json }
      ? Json
      : never;

type SuccessStatus = 200 | 201 | 202 | 204 | 206;
type Successes<Responses> = {
  [Status in keyof Responses & SuccessStatus]: SentBody<ContentOf<Responses[Status]>>;
}[keyof Responses & SuccessStatus];

type Parameter<Operation, Place extends string> = Operation extends { parameters: { [Key in Place]: infer Values } }
  ? Values
  : undefined;

/** One request, validated against the contract. */
export interface Call<Operation> {
  readonly params: Parameter<Operation, 'path'>;
  /** Declared defaults are filled in. */
  readonly query: NonNullable<
    Operation extends { parameters: { query?: infer Query } } ? (Query extends object ? Query : {}) : {}
  >;
  readonly body: ReceivedBody<Operation extends { requestBody: infer Body } ? ContentOf<Body> : never>;
  readonly request: FastifyRequest;
  /** For headers and, where the contract has several successes, the status. */
  readonly reply: FastifyReply;
}

/** What the handler resolves to is sent with the operation's (first) success status. */
export type Answer<Operation> = Operation extends { responses: infer Responses } ? Successes<Responses> : never;

export type Handlers<Operations> = {
  readonly [Id in keyof Operations]: (call: Call<Operations[Id]>) => Promise<Answer<Operations[Id]>>;
};

/** What the server needs to know about one operation of a contract. */
export interface OperationFacts {
  readonly successStatus: number;
  /** Names of the security schemes of which one is enough; empty: open to all. */
  readonly security: readonly string[];
}

interface OperationObject {
  operationId?: string;
  security?: Record<string, unknown>[];
  responses?: Record<string, unknown>;
}

const METHODS = ['get', 'put', 'post', 'delete', 'head', 'patch', 'options'];

/** The operations of a bundled OpenAPI document, by operation id. */
export function operationFacts(document: object): Map<string, OperationFacts> {
  const { paths = {}, security = [] } = document as {
    paths?: Record<string, Record<string, OperationObject>>;
    security?: Record<string, unknown>[];
  };
  const facts = new Map<string, OperationFacts>();
  for (const path of Object.values(paths)) {
    for (const method of METHODS) {
      const operation = path[method];
      if (operation?.operationId === undefined) continue;
      const success = Object.keys(operation.responses ?? {}).find((status) => /^2\d\d$/.test(status));
      facts.set(operation.operationId, {
        successStatus: Number(success ?? 200),
        security: (operation.security ?? security).flatMap((requirement) => Object.keys(requirement)),
      });
    }
  }
  return facts;
}
