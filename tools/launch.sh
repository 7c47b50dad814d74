# Sourced by the launchers in the root; $root is the clone. Ends in the program itself (exec), so that signals, the
# terminal and the exit code are the program's own.

launch() {
  entry=$root/$1
  shift
  if ! set_up_is_fresh; then
    if ! command -v node >/dev/null 2>&1; then
      echo 'holdfast: Node 20 or newer is needed for the first run: install it (with npm) and run this again.' >&2
      exit 1
    fi
    node "$root/tools/bootstrap.mjs" --set-up || exit
  fi
  # Compiled code is kept: compiling would be more than half of what a short command costs.
  export NODE_COMPILE_CACHE="${NODE_COMPILE_CACHE:-$root/.tools/compile-cache}"
  exec "$root/.tools/bin/node" --conditions=@holdfast/source --disable-warning=ExperimentalWarning "$entry" "$@"
}

# Newer than what it was made from: nothing to do. Otherwise tools/bootstrap.mjs looks closer, and renews the stamp.
set_up_is_fresh() {
  [ -x "$root/.tools/bin/node" ] && [ -d "$root/node_modules" ] &&
    [ "$root/.tools/stamp" -nt "$root/pnpm-lock.yaml" ] &&
    [ "$root/.tools/stamp" -nt "$root/pnpm-workspace.yaml" ]
}
