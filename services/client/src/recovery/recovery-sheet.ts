/** The page that a person keeps: the 24 words, the mediator's address, and what to do with them. Written, and read again. */
import { checkWords, WORD_COUNT, type Words } from '@holdfast/keys';

export interface SheetFacts {
  readonly words: Words;
  /** `holdfast://host:port#fingerprint` */
  readonly mediator: string;
  readonly vaultId: string;
  readonly network: string;
  readonly createdAtMs: number;
}

const COLUMNS = 4;
const TITLE = 'HOLDFAST RECOVERY SHEET';

/** Plain text, 80 columns but for the address; ends with a line feed. */
export function recoverySheet({ words, mediator, vaultId, network, createdAtMs }: SheetFacts): string {
  const date = new Date(createdAtMs).toISOString().slice(0, 10);
  return `${TITLE.padEnd(70)}${date}

Keep this page on paper, away from this computer. You need both parts of it to get
your files back when the computer is gone. Whoever has it can read and delete them.

1. The 24 words: from them come all keys of the vault. Nobody else has them.

${wordColumns(words).join('\n')}

2. The mediator's address: where the vault is found. What stands behind the # makes
   sure that it is the right one, so it belongs to the address.

    ${mediator}

On the new computer, install holdfast and type

    holdfast recover --mediator '${mediator}'

It asks for the words and for a new passphrase. The old passphrase is not needed: it
only protects the copy of the keys on the old computer.

Vault ${vaultId}, network ${network}.
`;
}

/** Numbered row by row. */
function wordColumns(words: Words): string[] {
  const list = words.split(' ');
  const rows: string[] = [];
  for (let at = 0; at < list.length; at += COLUMNS) {
    const cells = list
      .slice(at, at + COLUMNS)
      .map((word, index) => `${`${at + index + 1}.`.padStart(3)} ${word.padEnd(10)}`);
    rows.push(`    ${cells.join('   ').trimEnd()}`);
  }
  return rows;
}

/**
 * Reads a sheet as `recoverySheet` writes it, or just 24 words as people write them.
 * @throws HoldfastError `words.invalid`
 */
export function readRecoverySheet(text: string): { words: Words; mediator?: string } {
  const mediator = /holdfast:\/\/\S+#[0-9a-fA-F]{64}/.exec(text)?.[0];
  if (mediator === undefined) return { words: checkWords(text) };
  return { words: checkWords(numberedWords(text) ?? text), mediator };
}

/** The words behind the numbers 1 to 24; undefined unless each number is there once. */
function numberedWords(text: string): string | undefined {
  const words: string[] = [];
  for (const [, number, word] of text.matchAll(/(?:^|\s)(\d{1,2})\.\s+(\p{L}+)(?=\s)/gu)) {
    // The sheet's own parts are numbered too, with sentences behind the numbers: a word of the list begins in lower case.
    if (word === undefined || word !== word.toLowerCase()) continue;
    words[Number(number) - 1] ??= word;
  }
  const isWhole = words.length === WORD_COUNT && Array.from(words).every((word) => word !== undefined);
  return isWhole ? words.join(' ') : undefined;
}
