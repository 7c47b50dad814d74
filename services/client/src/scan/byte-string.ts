/**
 * File names are bytes. They are held as byte strings, one character (0–255) per byte: a quarter of a Buffer's memory,
 * and `<` orders them by their bytes. Nothing that Node decodes as UTF-8 ever touches them.
 */

/** A path or a name, one character per byte. */
export type ByteString = string;

export const toBytes = (text: ByteString): Buffer => Buffer.from(text, 'latin1');
export const fromBytes = (bytes: Uint8Array): ByteString =>
  Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('latin1');

/** From text as the user, the configuration or Node give it. */
export const fromText = (text: string): ByteString => fromBytes(Buffer.from(text, 'utf8'));

/** For people: bytes that are not UTF-8 become �. */
export const toText = (text: ByteString): string => toBytes(text).toString('utf8');

const ASCII = /^[\u0000-\u007f]*$/;

/** What calls into node:fs take: ASCII as it is, anything else as bytes. */
export const toPath = (text: ByteString): string | Buffer => (ASCII.test(text) ? text : toBytes(text));

export const joinPath = (directory: ByteString, name: ByteString): ByteString =>
  directory === '/' ? `/${name}` : `${directory}/${name}`;
