/** What an operator asks about the node: its agreements, its earnings, whatever else the API shows, and to end an agreement. */
import { getShown, isShownPath, type MediatorSchemas, unwrap } from '@holdfast/http-api';
import { PlatformError, systemClock } from '@holdfast/platform';
import { fail, formatBytes, formatCount, formatSats, shortId, signMessage, termination } from '@holdfast/protocol';
import { formatPayoutAddresses, keepPayoutAddress } from './payout-address.ts';
import { asOperator, type OperatedNode, type Operator, readNodeAccess } from './signed-in.ts';
import { formatLiabilities, verifyOwnLiability } from './verify-liabilities.ts';

type Agreement = MediatorSchemas['schemas']['Agreement'];

export const OPERATOR_HELP = `  holdfast-node                               starts it
  holdfast-node agreements [--all]            the node's agreements: what it stores, for whom, at which price
  holdfast-node earnings                      what it has earned, and what is withheld until when
  holdfast-node end-agreement ID [--yes]      says what ending that agreement means; with --yes ends it
  holdfast-node payout-address [ADDRESS]      where it is paid; a change counts after a delay, so that a stolen key is noticed
  holdfast-node verify-liabilities            whether its money is counted in what the mediator signed that it owes
  holdfast-node show PATH                     whatever else docs/api.md lists, as JSON: show /v1/nodes/me/standing`;

interface Command {
  /** The options that it knows. */
  readonly options: readonly string[];
  /** How many there are, at least and at most. */
  readonly arguments: readonly [number, number];
  /** Resolves to what is printed. */
  run(operator: Operator, given: { args: readonly string[]; options: readonly string[] }): Promise<string>;
}

const COMMANDS: Readonly<Record<string, Command>> = {
  agreements: {
    options: ['--all'],
    arguments: [0, 0],
    run: async (operator, { options }) => showAgreements(await readAgreements(operator, options.includes('--all'))),
  },
  earnings: { options: [], arguments: [0, 0], run: showEarnings },
  'end-agreement': {
    options: ['--yes'],
    arguments: [1, 1],
    run: (operator, { args, options }) => endAgreement(operator, args[0]!, options.includes('--yes')),
  },
  'payout-address': {
    options: [],
    arguments: [0, 1],
    run: async (operator, { args }) =>
      formatPayoutAddresses(await keepPayoutAddress(operator, args[0]), systemClock.nowMs()),
  },
  'verify-liabilities': {
    options: [],
    arguments: [0, 0],
    run: async (operator) => formatLiabilities(await verifyOwnLiability(operator)),
  },
  show: { options: [], arguments: [1, 1], run: (operator, { args }) => show(operator, args[0]!) },
};

/** The command that the words ask for; undefined where they name none. @throws PlatformError `config.invalid` */
export function readOperatorCommand(words: readonly string[]): ((node: OperatedNode) => Promise<string>) | undefined {
  const [name = '', ...rest] = words;
  const command = Object.hasOwn(COMMANDS, name) ? COMMANDS[name] : undefined;
  if (command === undefined) return undefined;
  const options = rest.filter((word) => word.startsWith('-'));
  const args = rest.filter((word) => !word.startsWith('-'));
  if (
    args.length < command.arguments[0] ||
    args.length > command.arguments[1] ||
    options.some((option) => !command.options.includes(option))
  ) {
    throw wrongCall(`${name} is not called like this.`);
  }
  return async (node) => asOperator(await readNodeAccess(node), (operator) => command.run(operator, { args, options }));
}

const wrongCall = (problem: string): PlatformError =>
  new PlatformError('config.invalid', problem, 'holdfast-node --help shows how it is called.');

const PAGE = 200;

async function readAgreements({ api, nodeId }: Operator, withEnded: boolean): Promise<Agreement[]> {
  const all: Agreement[] = [];
  for (;;) {
    const after = all.at(-1)?.agreementId;
    const query = { limit: PAGE, ...(after !== undefined && { after }) };
    const params = { path: { nodeId }, query };
    const { agreements } = await unwrap(api.GET('/v1/nodes/{nodeId}/agreements', { params }));
    if (agreements.length === 0) return all.filter(({ state }) => withEnded || state !== 'ended');
    all.push(...agreements);
  }
}

function showAgreements(agreements: readonly Agreement[]): string {
  if (agreements.length === 0) return 'There are none.';
  return agreements
    .map((one) => {
      const state = one.endedBy === undefined ? one.state : `ended by ${one.endedBy}`;
      const signed = one.signed ? '' : ', not signed yet';
      return (
        `${one.agreementId}  client ${shortId(one.clientId)}  ${formatBytes(one.storedBytes)} at ` +
        `${formatCount(BigInt(one.priceSatPerTbMonth))} sat/TB·month, ${formatSats(one.heldMsat)} held, ${state}${signed}`
      );
    })
    .join('\n');
}

async function showEarnings({ api, nodeId }: Operator): Promise<string> {
  const found = await unwrap(api.GET('/v1/nodes/{nodeId}/earnings', { params: { path: { nodeId } } }));
  const lines = [
    `Node      ${nodeId}`,
    `Earned    ${formatSats(found.earnedMsat)}, not paid out yet`,
    `Withheld  ${formatSats(found.withheldMsat)}, as cover for what repairing its shards would cost`,
    ...found.releases.map(({ byMs, amountMsat }) => `          ${formatSats(amountMsat)} until ${dayOf(byMs)}`),
  ];
  return lines.join('\n');
}

const dayOf = (atMs: number): string => new Date(atMs).toISOString().slice(0, 10);

/** Without `isSure` it only says what it would mean. */
async function endAgreement(operator: Operator, start: string, isSure: boolean): Promise<string> {
  const { api, nodeId, key, signing } = operator;
  const found = (await readAgreements(operator, false)).filter(({ agreementId }) => agreementId.startsWith(start));
  const [only, ...others] = found;
  if (only === undefined || others.length > 0) throw fail('agreement.unknown', { agreementId: start });
  const { agreementId } = only;
  const params = { path: { agreementId } };
  const { sentence } = await unwrap(api.GET('/v1/agreements/{agreementId}/termination', { params }));
  if (!isSure)
    return `${sentence}\nNothing has happened yet. To end it: holdfast-node end-agreement ${agreementId} --yes`;
  const signed = { agreementId, party: nodeId, role: 'node', signedAtMs: systemClock.nowMs() } as const;
  const body = { termination: signMessage(termination, signing, signed, key) };
  await unwrap(api.PUT('/v1/agreements/{agreementId}/termination', { params, body }));
  return `${sentence}\nAgreement ${agreementId} has ended.`;
}

async function show({ api, nodeId }: Operator, path: string): Promise<string> {
  if (!isShownPath(path)) throw wrongCall(`${path} is no path of the API, such as /v1/nodes/me/standing.`);
  return JSON.stringify(await getShown(api, path, nodeId), undefined, 2);
}
