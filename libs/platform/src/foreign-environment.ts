/** What a program of somebody else's gets of our environment: what any program needs, and nothing of our settings. */
const HANDED_ON =
  /^(?:PATH|HOME|USER|LOGNAME|SHELL|TZ|TERM|TMPDIR|LANG|LANGUAGE|LC_.*|DISPLAY|WAYLAND_DISPLAY|XDG_.*|DBUS_.*|SSH_.*|GPG_.*|SIGNER_.*)$/;

/** Passwords of databases and of the Bitcoin node, which stand in our own environment, are not in it. */
export function foreignEnvironment(): NodeJS.ProcessEnv {
  return Object.fromEntries(Object.entries(process.env).filter(([name]) => HANDED_ON.test(name)));
}
