/** Databases inside a server: made, copied from a template, dropped. The driver is loaded at first use. */

/** The same server's URL for another database. */
export function databaseUrl(url: string, name: string): string {
  const changed = new URL(url);
  changed.pathname = `/${encodeURIComponent(name)}`;
  return changed.href;
}

/**
 * Creates the database and returns its URL. With `template` it is a copy of that database, to which nobody may be
 * connected then.
 * @param adminUrl a superuser's, to any database of the server. Rejects with the driver's error (`42P04`: it exists
 * already).
 */
export async function createDatabase(
  adminUrl: string,
  name: string,
  options: { template?: string } = {},
): Promise<string> {
  const template = options.template === undefined ? '' : ` TEMPLATE ${quoted(options.template)}`;
  await runStatement(adminUrl, `CREATE DATABASE ${quoted(name)}${template}`);
  return databaseUrl(adminUrl, name);
}

/** Drops the database if it exists, ending the connections to it. */
export async function dropDatabase(adminUrl: string, name: string): Promise<void> {
  await runStatement(adminUrl, `DROP DATABASE IF EXISTS ${quoted(name)} WITH (FORCE)`);
}

/** Creates the database unless it exists; returns its URL. */
export async function ensureDatabase(adminUrl: string, name: string): Promise<string> {
  const exists = await runStatement(adminUrl, 'SELECT 1 FROM pg_database WHERE datname = $1', [name]);
  return exists === 0 ? createDatabase(adminUrl, name) : databaseUrl(adminUrl, name);
}

function quoted(identifier: string): string {
  return `"${identifier.replaceAll('"', '""')}"`;
}

/** Returns the number of rows. */
async function runStatement(url: string, statement: string, values: unknown[] = []): Promise<number> {
  const { Client } = (await import('pg')).default;
  const client = new Client({ connectionString: url });
  await client.connect();
  try {
    const result = await client.query(statement, values);
    return result.rowCount ?? 0;
  } finally {
    await client.end();
  }
}
