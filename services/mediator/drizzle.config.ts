/**
 * For drizzle-kit, which writes migrations/ from the schema:
 * `tools/node_modules/.bin/drizzle-kit generate --config services/mediator/drizzle.config.ts --name what_changes`.
 */
export default {
  dialect: 'postgresql',
  schema: './services/mediator/src/adapters/postgres/*schema.ts',
  out: './services/mediator/migrations',
};
