/** The rules of tools/check-text.mjs: each a pattern, the files that it holds for, and a sentence. */

/**
 * @typedef {object} Rule
 * @property {RegExp} pattern
 * @property {RegExp} files
 * @property {RegExp} [except]
 * @property {string} message
 */

/** @type {Rule[]} */
const RULES = [
  {
    pattern: /(?<![\w.)\]}*\\/])\/(?:work|root)\/[\w.-]/,
    files: /./,
    message: 'a path of one machine: take it relative to the repository, or from a setting.',
  },
  {
    pattern: /\b(?:registry|deb|security|ftp)\.(?!example\b)[a-z0-9-]+\.(?:org|com|net|io)\b/i,
    files: /./,
    message: 'names a package registry: use whatever registry npm or apt is configured with.',
  },
  {
    pattern: /"resolved":|^\s*tarball: |\btarball: http/,
    files: /(?:^|\/)(?:package-lock\.json|pnpm-lock\.yaml)$/,
    message: 'the lockfile names where a package came from: write it with omit-lockfile-registry-resolved.',
  },
  {
    pattern: /\b(?:describe|it|test)(?:\.\w+)*\.(?:only|skip|todo|failing)\b|\b(?:fit|fdescribe|xit|xtest|xdescribe)\(/,
    files: /\.(?:test|contract)\.ts$/,
    except: /^tools\//,
    message: 'a test that is switched off, or switches the others off.',
  },
];

/**
 * @param {string} path relative to the repository
 * @param {string} text
 * @returns {{ line: number, message: string }[]}
 */
export function findProblems(path, text) {
  const rules = RULES.filter(({ files, except }) => files.test(path) && !except?.test(path));
  return text
    .split('\n')
    .flatMap((content, index) =>
      rules.filter(({ pattern }) => pattern.test(content)).map(({ message }) => ({ line: index + 1, message })),
    );
}
