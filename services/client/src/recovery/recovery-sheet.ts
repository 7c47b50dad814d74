/** The page that a person keeps: the 24 words, the mediator's address, and what to do with them. Written, and read again. */
import { checkWords, WORD_COUNT, type Words } from '@holdfast/keys';
import { fail } from '@holdfast/protocol';

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

/** From so many numbered words on a text is a sheet, perhaps with some of them missing. */
const MANY_WORDS = WORD_COUNT / 2;

/**
 * Reads a sheet as `recoverySheet` writes it, or just 24 words as people write them.
 * @throws HoldfastError `words.invalid`
 */
export function readRecoverySheet(text: string): { words: Words; mediator?: string } {
  const mediator = /holdfast:\/\/\S+#[0-9a-fA-F]{64}/.exec(text)?.[0];
  if (mediator === undefined) return { words: checkWords(text) };
  const found = numberedWords(text);
  const missing = found.flatMap((word, index) => (word === undefined ? [index + 1] : []));
  if (missing.length > MANY_WORDS) return { words: checkWords(text.replace(mediator, ' ')), mediator };
  if (missing.length > 0) {
    throw fail('words.invalid', { detail: `the sheet has no word number ${missing.join(', ')}` });
  }
  return { words: checkWords(found.join(' ')), mediator };
}

/** The words behind the numbers 1 to 24. */
function numberedWords(text: string): (string | undefined)[] {
  const words = Array.from<string | undefined>({ length: WORD_COUNT });
  for (const [, number, word] of text.matchAll(/(?:^|\s)(\d{1,2})\.\s+(\p{L}+)(?=\s|$)/gu)) {
    const index = Number(number) - 1;
    // The sheet's own parts are numbered too, with sentences behind the numbers: a word of the list begins in lower case.
    if (word === undefined || word !== word.toLowerCase() || index < 0 || index >= WORD_COUNT) continue;
    words[index] ??= word;
  }
  return words;
}
