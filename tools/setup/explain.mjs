/** Turns what npm, pnpm or the system said when the set-up failed into one sentence that says what to do. */

/** First match wins, so the causes stand before their consequences. @type {[RegExp, string][]} */
const CAUSES = [
  [
    /ENOSPC|no space left on device|EDQUOT|disk quota exceeded/i,
    'The disk is full: the set-up needs about 1.5 GB in this directory. Make room and run the same command again.',
  ],
  [
    /SELF_SIGNED_CERT|UNABLE_TO_(?:GET_ISSUER|VERIFY_LEAF)|CERT_HAS_EXPIRED|ERR_TLS_CERT|unable to get local issuer|invalid peer certificate|UnknownIssuer/i,
    'The package registry’s certificate is not trusted here: set NODE_EXTRA_CA_CERTS to a file with the certificate authority that your network uses, and run the same command again.',
  ],
  [
    /ENOTFOUND|EAI_AGAIN|ECONNREFUSED|ECONNRESET|ETIMEDOUT|ENETUNREACH|EHOSTUNREACH|ERR_SOCKET_TIMEOUT|network (?:is )?unreachable|dns error|error sending request|connection refused|failed to lookup address|timed out/i,
    'The package registry could not be reached. The first set-up needs the network (later runs do not): check the connection, the proxy, and `npm config get registry`, and run the same command again.',
  ],
  [
    /\bE401\b|\bE403\b|ENEEDAUTH|401 Unauthorized|403 Forbidden/i,
    'The package registry refused us: check the credentials in your npm configuration and run the same command again.',
  ],
  [
    /\bE404\b|ETARGET|ERR_PNPM_FETCH_404|ERR_PNPM_NO_MATCHING_VERSION|notarget/i,
    'The package registry does not have a package that the lockfile names: check `npm config get registry`, or use a registry that mirrors everything.',
  ],
  [
    /EINTEGRITY|ERR_PNPM_TARBALL_INTEGRITY|integrity (?:check|mismatch)/i,
    'A package is not the one that the lockfile names (its checksum differs). Do not go on with it: remove the directory .tools, try again, and report it if it stays so.',
  ],
  [
    /ERR_PNPM_OUTDATED_LOCKFILE|lockfile is not up to date|not up to date with|EUSAGE/i,
    'A package.json and its lockfile do not agree: run `.tools/bin/pnpm install` and commit the lockfile, or go back to a clean checkout.',
  ],
  [
    /EROFS|read-only file system/i,
    'This directory is on a read-only file system: clone into a directory that can be written to.',
  ],
  [
    /EACCES|EPERM|permission denied/i,
    'This directory cannot be written to by this user: run as the user who owns the clone, or clone it again as yourself.',
  ],
];

/**
 * @param {string} output everything that the failed step printed
 * @returns {string}
 */
export function explainFailure(output) {
  const found = CAUSES.find(([pattern]) => pattern.test(output));
  return (
    found?.[1] ??
    'The set-up failed for a reason that is not known here; the lines above are its last words. Run the same command again, or remove the directory .tools and run it then.'
  );
}

/**
 * @param {{ platform: string, arch: string, isMusl: boolean }} host
 * @returns {string | undefined} why this host cannot be set up, undefined when it can
 */
export function refuseHost({ platform, arch, isMusl }) {
  const isKnown = ['linux', 'darwin'].includes(platform) && ['x64', 'arm64'].includes(arch);
  if (isKnown && !isMusl) return undefined;
  const host = `${platform}-${arch}${isMusl ? ' with musl' : ''}`;
  const advice =
    platform === 'win32' ? 'On Windows, use it inside WSL.' : 'Use one of these, or a container image of one.';
  return `Holdfast runs on Linux (with glibc) and macOS, on x64 and arm64; this is ${host}. ${advice}`;
}
