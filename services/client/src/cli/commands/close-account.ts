/** `holdfast close-account`: all agreements end, nothing is spent any more, and the money goes back to its owner. */
import type { Command } from 'commander';
import type { OpenClient } from '../../session.ts';
import type { Closing, Withdrawal } from '../../vault/index.ts';
import type { Cli } from '../cli.ts';
import type { Run } from '../verbs.ts';

interface Options {
  readonly yes?: boolean;
  readonly wait: boolean;
}

export function define(command: Command, run: Run): void {
  command
    .description(
      'Ends all agreements, so that nodes delete what is stored, lets nothing be spent any more, and withdraws everything. Says ' +
        'first what it means and asks. Stopped anywhere, or while money is still held, it goes on when it is called again.',
    )
    .argument('<address>', 'where the money goes: an address of the mediator’s network')
    .option('-y, --yes', 'do not ask')
    .option('--no-wait', 'do not wait for what is held for the periods that nodes work through now')
    .addHelpText(
      'after',
      `
Exit status 0: the account is closed (or you did not say yes, and nothing happened).
            3: money is still held or on its way in; call it again later.
`,
    )
    .action((address: string, options: Options) => run((cli) => closeAccount(cli, address, options)));
}

const POLL_MS = 5_000;

interface Rest {
  readonly availableMsat: bigint;
  readonly heldMsat: bigint;
  readonly reservedMsat: bigint;
  readonly depositsSats: bigint;
}

async function closeAccount(cli: Cli, to: string, { yes = false, wait }: Options): Promise<number> {
  const { EXIT_CODES } = await import('@holdfast/protocol');
  const { lookIntoVault } = await import('../unlock.ts');
  return lookIntoVault(cli, async (client) => {
    const { foretellClosing } = await import('../../vault/index.ts');
    const { address, ...closing } = await foretellClosing(client, to);
    if (closing.agreementCount > 0) {
      const sentence = await explain(closing, address);
      if (yes) cli.console.note(sentence);
      else if (!(await isWanted(cli, sentence))) {
        cli.console.say('Nothing happened.');
        cli.console.result({ isClosed: false, endedAgreements: 0, withdrawals: [] });
        return EXIT_CODES.ok;
      }
    }
    const endedAgreements = await endAll(cli, client);
    const withdrawals = await withdrawAll(cli, client, address, wait);
    const rest = await readRest(client);
    const isClosed = rest.heldMsat + rest.reservedMsat + rest.depositsSats === 0n;
    await showRest(cli, rest, isClosed);
    cli.console.result({ isClosed, endedAgreements, withdrawals: withdrawals.map((one) => ({ ...one })), ...rest });
    return isClosed ? EXIT_CODES.ok : EXIT_CODES.incomplete;
  });
}

async function explain(closing: Omit<Closing, 'address'>, address: string): Promise<string> {
  const { countOf, formatBytes, formatSats } = await import('../format.ts');
  const { agreementCount, nodeCount, storedBytes, releasedMsat, availableMsat } = closing;
  return (
    `This ends ${countOf(agreementCount, 'agreement')} with ${countOf(nodeCount, 'node')}: they delete the ` +
    `${formatBytes(storedBytes)} that they store, and no snapshot can be restored any more. ${formatSats(releasedMsat)} that are ` +
    `held come back at once and go to ${address}, with the ${formatSats(availableMsat)} that are available. This cannot be undone.`
  );
}

async function isWanted({ console, signal }: Cli, sentence: string): Promise<boolean> {
  const { askConsent } = await import('../ask.ts');
  console.say(sentence);
  return askConsent(console, { sentence, question: 'Delete everything and close the account?' }, signal);
}

/** No backup of this machine may store anything meanwhile. */
async function endAll({ console, home }: Cli, client: OpenClient): Promise<number> {
  const { lockHome } = await import('../../session.ts');
  const { endEverything } = await import('../../vault/index.ts');
  const lock = lockHome(home);
  try {
    const count = await endEverything(client);
    const { countOf } = await import('../format.ts');
    if (count > 0) console.note(`${countOf(count, 'agreement')} ended.`);
    return count;
  } finally {
    lock.release();
  }
}

/** What is there at once; what nodes do not earn of the rest when their periods are settled. */
async function withdrawAll(cli: Cli, client: OpenClient, address: string, wait: boolean): Promise<Withdrawal[]> {
  const { withdrawEverything } = await import('../../vault/index.ts');
  const { withdrawalLines } = await import('./withdraw.ts');
  const made: Withdrawal[] = [];
  const withdrawNow = async (): Promise<void> => {
    const now = await withdrawEverything(client, address);
    for (const line of await withdrawalLines(now)) cli.console.say(line);
    made.push(...now);
  };
  await withdrawNow();
  if (wait && (await isSettled(cli, client))) await withdrawNow();
  return made;
}

/** Waits until nothing is held any more. False: it was not worth waiting for. */
async function isSettled({ console, clock, signal }: Cli, client: OpenClient): Promise<boolean> {
  const { isWorthSending } = await import('../../vault/index.ts');
  for (let isTold = false; ; isTold = true) {
    const { availableMsat, heldMsat } = await readRest(client);
    if (heldMsat === 0n) return true;
    if (!isWorthSending(availableMsat + heldMsat)) return false;
    if (!isTold) console.note(await waitingFor(heldMsat));
    await clock.sleep(POLL_MS, signal);
  }
}

async function waitingFor(heldMsat: bigint): Promise<string> {
  const { formatSats } = await import('../format.ts');
  return (
    `Waiting for the ${formatSats(heldMsat)} that are held until the nodes' present periods are settled; ` +
    'Ctrl-C ends only the waiting.'
  );
}

async function readRest(client: OpenClient): Promise<Rest> {
  const { depositsUnderWay } = await import('../../vault/index.ts');
  const { availableMsat, heldMsat, reservedMsat } = await client.mediator.getAccount();
  return {
    availableMsat: BigInt(availableMsat),
    heldMsat: BigInt(heldMsat),
    reservedMsat: BigInt(reservedMsat),
    depositsSats: await depositsUnderWay(client),
  };
}

async function showRest({ console }: Cli, rest: Rest, isClosed: boolean): Promise<void> {
  const { formatCount, formatSats } = await import('../format.ts');
  const { availableMsat, heldMsat, reservedMsat, depositsSats } = rest;
  if (availableMsat > 0n) console.say(`${formatSats(availableMsat)} are left: too little to be sent over the chain.`);
  if (isClosed) return console.say('The account is closed.');
  if (heldMsat > 0n) {
    console.say(`${formatSats(heldMsat)} are held until the periods that nodes work through now are settled.`);
  }
  if (reservedMsat > 0n) {
    console.say(
      `${formatSats(reservedMsat)} are reserved until nodes have said what your last uploads left there: about two days, nine at most.`,
    );
  }
  if (depositsSats > 0n) console.say(`${formatCount(depositsSats)} sat that were paid in wait for confirmations.`);
  console.say('Then call this again: it withdraws what is there.');
}
