/** Which redundancy a vault gets: the rule of libs/protocol, which mediator and client share. */
export { defaultPolicy, fitPolicy, type FittedPolicy } from '@holdfast/protocol';
