/** Requests are held to the contract exactly: nothing is dropped, and only what came as text (path, query, headers) is converted. */
import { Ajv2020, type Options } from 'ajv/dist/2020.js';
import type { FastifySchemaCompiler } from 'fastify';

const COMMON: Options = {
  // `additionalProperties: false` refuses instead of removing.
  removeAdditional: false,
  useDefaults: true,
  allErrors: false,
  // OpenAPI's own keywords (example, discriminator, style …) stand among the schema's.
  strict: false,
  validateFormats: false,
  // The contract is checked as a whole when its routes are read.
  validateSchema: false,
};

/** Of all servers: each keeps what it compiled, by the schema. */
const exact = new Ajv2020({ ...COMMON, coerceTypes: false });
const fromText = new Ajv2020({ ...COMMON, coerceTypes: true });

/** The validator compiler for fastify over JSON Schema 2020-12, the dialect of OpenAPI 3.1. */
export const compileValidator: FastifySchemaCompiler<unknown> = ({ schema, httpPart }) => {
  if (isBinary(schema)) return () => true;
  return (httpPart === 'body' ? exact : fromText).compile(schema as object);
};

/** A body of bytes is streamed to its handler, which checks it. */
const isBinary = (schema: unknown): boolean => (schema as { format?: unknown } | null)?.format === 'binary';
