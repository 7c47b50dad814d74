/** Who signs in, and sessions. */
export * from './ports.ts';
export { checkClock, createAccounts, type Accounts, type AccountsOptions } from './sign-in.ts';
