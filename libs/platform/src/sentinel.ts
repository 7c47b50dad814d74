/**
 * A tiny shell that outlives us for a moment: when our end of its pipe closes without a word, it stops the server (a
 * database, a Bitcoin node) that we started.
 */
import { spawn } from 'node:child_process';

export interface Sentinel {
  /** From now on that process is stopped when we are gone. */
  watch(pid: number): void;
  /** Nothing to do any more. */
  dismiss(): void;
}

/**
 * $1: the server's pid file, $2: a directory to remove when we die, or nothing. The pid file must name the process before it is
 * signalled, because a pid can be given to somebody else; right after a start the file may not be there yet.
 */
const SCRIPT = `
pid=
while read -r word; do
  case "$word" in
    done) exit 0 ;;
    *) pid=$word ;;
  esac
done
if [ -n "$pid" ]; then
  tries=0
  while kill -0 "$pid" 2>/dev/null && [ "$tries" -lt 50 ]; do
    owner=
    [ -r "$1" ] && read -r owner <"$1"
    if [ "$owner" = "$pid" ]; then
      kill -INT "$pid"
      while kill -0 "$pid" 2>/dev/null; do sleep 0.1; done
    fi
    tries=$((tries + 1))
    sleep 0.1
  done
fi
[ -z "$2" ] || rm -rf "$2"
`;

export function startSentinel(
  pidFile: string,
  account: { readonly uid: number; readonly gid: number } | undefined,
  removeDirectory: string | undefined,
): Sentinel {
  const shell = spawn('/bin/sh', ['-c', SCRIPT, 'sh', pidFile, removeDirectory ?? ''], {
    ...account,
    cwd: '/',
    detached: true,
    stdio: ['pipe', 'ignore', 'ignore'],
  });
  // Without it everything works but the stop after a SIGKILL, and the next start sees to that.
  shell.on('error', () => undefined);
  shell.stdin.on('error', () => undefined);
  shell.unref();
  (shell.stdin as typeof shell.stdin & { unref?: () => void }).unref?.();
  return {
    watch: (pid) => void shell.stdin.write(`${pid}\n`),
    dismiss: () => void shell.stdin.end('done\n'),
  };
}
