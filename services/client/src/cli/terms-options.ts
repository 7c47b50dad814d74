/** The options by which a client says what it wants of its nodes; shared by `init` and `quote`. */
import type { Command } from 'commander';

export interface TermsOptions {
  readonly policy?: string;
  readonly maxPrice?: string;
  readonly region?: readonly string[];
  readonly avoidOperator?: readonly string[];
}

/** Of `init` and `mandate`. */
export interface SpendingOptions {
  readonly spendLimit?: string;
}

export const addTermsOptions = (command: Command): Command =>
  command
    .option(
      '--policy <k+m>',
      'data and parity shards: any k of k+m nodes give all back, m at least k (default: by the offers)',
    )
    .option('--max-price <sat>', 'highest price of a node, in satoshi per TB and month')
    .option('--region <name...>', 'only nodes of these regions')
    .option('--avoid-operator <name...>', 'no nodes of these operators');
