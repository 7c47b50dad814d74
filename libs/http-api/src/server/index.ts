/** The HTTP manners that both services share: problem+json, limits, security headers, typed handlers, docs page, ops listener. */
export { createApiServer, type ApiServerOptions, type Authenticate, type OperationRoute } from './api-server.ts';
export type { Answer, Call, Handlers } from './calls.ts';
export type { RateLimits } from './limits.ts';
export { startOpsServer, type OpsServer, type OpsServerOptions, type Readiness } from './ops-server.ts';
export type { Translate } from './problems.ts';
