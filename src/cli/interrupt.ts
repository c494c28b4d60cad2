const EXIT_INTERRUPTED = 130;

/**
 * A signal aborted by Ctrl-C (or SIGTERM), for commands that have something to save. The second Ctrl-C ends the process
 * at once.
 */
export function interruptSignal(): AbortSignal {
  const controller = new AbortController();
  const interrupt = (): void => {
    if (controller.signal.aborted) process.exit(EXIT_INTERRUPTED);
    controller.abort();
  };
  process.on("SIGINT", interrupt);
  process.on("SIGTERM", interrupt);
  return controller.signal;
}
