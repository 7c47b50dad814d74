/** Column types of our own: ids and hashes are bytes in the database and lower-case hex in the program. */
import { type SQL, sql } from 'drizzle-orm';
import { bigint, check, customType } from 'drizzle-orm/pg-core';

/** `bytea`, as lower-case hex. */
export const hexBytes = customType<{ data: string; driverData: Buffer }>({
  dataType: () => 'bytea',
  toDriver: (value) => Buffer.from(value, 'hex'),
  fromDriver: (value) => value.toString('hex'),
});

/** `bytea`, as bytes. */
export const rawBytes = customType<{ data: Uint8Array; driverData: Buffer }>({
  dataType: () => 'bytea',
  toDriver: (value) => Buffer.from(value.buffer, value.byteOffset, value.byteLength),
  fromDriver: (value) => new Uint8Array(value),
});

/** A size or a time: a safe integer in a `bigint` column. */
export const safeInteger = (name: string) => bigint(name, { mode: 'number' });

/** A check that the bytes have exactly this length. */
export const lengthCheck = (name: string, column: { name: string }, bytes: number) =>
  check(name, sql`octet_length(${sql.identifier(column.name)}) = ${sql.raw(String(bytes))}`);

/** A parameter holding many ids, for `= ANY` and `unnest`. */
export const hexArray = (values: readonly string[]): SQL =>
  sql`${sql.param(values.map((value) => Buffer.from(value, 'hex')))}::bytea[]`;
