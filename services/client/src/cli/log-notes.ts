/** What the parts of the client log as a warning, told to whoever waits: that the mediator is away, that a node failed. */
import { createLogger, type Logger } from '@holdfast/platform';
import type { Console } from './console.ts';

/** The same sentence may come for every pack of a vault. */
const MOST_ALIKE = 3;

/** Nothing below a warning. */
export function createNoteLogger(console: Console): Logger {
  const told = new Map<string, number>();
  const write = (line: string): void => {
    const { msg, detail, level: _level, time: _time, service: _service, ...fields } = JSON.parse(line) as LogLine;
    const count = (told.get(msg) ?? 0) + 1;
    told.set(msg, count);
    if (count > MOST_ALIKE) return;
    const about = typeof detail === 'string' ? `: ${detail}` : '';
    const code = typeof fields['code'] === 'string' ? ` [${fields['code']}]` : '';
    const more = count === MOST_ALIKE ? ' (said no more)' : '';
    console.warn(`Note: ${msg}${about}${code}${more}`, 'note', fields);
  };
  return createLogger({ service: 'holdfast', level: 'warn', destination: { write }, format: 'json' });
}

interface LogLine extends Record<string, unknown> {
  readonly msg: string;
}
