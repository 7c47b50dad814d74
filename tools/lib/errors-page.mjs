/** Renders docs/errors.md from the error catalogue. */

/** @typedef {{ message: string, next: string, httpStatus: number, exitCode: number }} Entry */

/**
 * @param {Record<string, Entry>} catalogue by code, as in `grant.expired`
 * @param {Record<string, number>} exitCodes by name
 * @returns {string} Markdown
 */
export function renderErrorsPage(catalogue, exitCodes) {
  const codes = Object.keys(catalogue).toSorted();
  const areas = [...new Set(codes.map((code) => code.split('.')[0] ?? ''))];
  const sections = areas.map((area) => {
    const rows = codes.filter((code) => code.startsWith(`${area}.`)).map((code) => row(code, catalogue[code]));
    return `## ${area}\n\n| code | what happened | what to do | HTTP | exit |\n| --- | --- | --- | --- | --- |\n${rows.join('\n')}\n`;
  });
  const exits = Object.entries(exitCodes).map(([name, code]) => `| ${code} | ${name} |`);
  return [
    '# Errors\n',
    'Made by `npm run generate` from `libs/protocol/src/error-catalogue.ts`: edit that, not this page.\n',
    'A code never changes its meaning. Over HTTP an error is `application/problem+json` with this code; a command prints',
    'the two sentences and ends with the exit status. Words in braces are filled in where the error happens.\n',
    `## Exit statuses\n\n| status | meaning |\n| --- | --- |\n${exits.join('\n')}\n`,
    sections.join('\n'),
  ].join('\n');
}

/**
 * @param {string} code
 * @param {Entry | undefined} entry
 */
function row(code, entry) {
  const cells = [`\`${code}\``, entry?.message, entry?.next, entry?.httpStatus, entry?.exitCode];
  return `| ${cells.map((cell) => String(cell).replaceAll('|', '\\|')).join(' | ')} |`;
}
