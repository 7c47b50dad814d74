/** What a request must show before the node does anything for it. */
export {
  type Access,
  type AccessCheck,
  checkScope,
  createAccessCheck,
  type Grant,
  NO_CONTENT,
} from './check-access.ts';
export { createFailedAttempts, type FailedAttempts } from './failed-attempts.ts';
