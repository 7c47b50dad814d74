/** One JSON log line → one line for a person: time, level, message, then the fields. */

const COLOURS: Readonly<Record<string, string>> = {
  trace: '90',
  debug: '90',
  info: '36',
  warn: '33',
  error: '31',
  fatal: '35',
};
const NOT_FIELDS = new Set(['level', 'time', 'service', 'msg', 'err', 'pid', 'hostname']);

/** Takes and returns a line with its newline; what is not a JSON object comes back as it is. */
export function formatLogLine(line: string, colours: boolean): string {
  let record: Record<string, unknown>;
  try {
    record = JSON.parse(line) as Record<string, unknown>;
  } catch {
    return line;
  }
  const level = String(record['level']);
  const time = String(record['time']).slice(11, 23);
  const shownLevel = level.toUpperCase().padEnd(5);
  const head = colours
    ? `\x1b[90m${time}\x1b[0m \x1b[${COLOURS[level] ?? '0'}m${shownLevel}\x1b[0m`
    : `${time} ${shownLevel}`;
  const fields = Object.entries(record)
    .filter(([name]) => !NOT_FIELDS.has(name))
    .map(
      ([name, value]) =>
        `${name}=${typeof value === 'string' && /^[\w./:@+-]+$/.test(value) ? value : JSON.stringify(value)}`,
    );
  const parts = [head, `${String(record['service'])}:`, printable(asText(record['msg'])), ...fields];
  return `${parts.join(' ')}\n${errorLines(record['err'])}`;
}

function errorLines(error: unknown): string {
  if (typeof error !== 'object' || error === null) return '';
  const { stack, message } = error as { stack?: unknown; message?: unknown };
  const text = asText(stack ?? message);
  return text === ''
    ? ''
    : `${text
        .split('\n')
        .map((part) => `    ${printable(part)}`)
        .join('\n')}\n`;
}

function asText(value: unknown): string {
  return typeof value === 'string' ? value : value === undefined ? '' : JSON.stringify(value);
}

/** A message must not steer the reader's terminal. */
function printable(text: string): string {
  return text.replaceAll(/\p{Cc}/gu, (character) => (character === '\n' || character === '\t' ? character : '\uFFFD'));
}
