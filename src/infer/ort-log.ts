/** What to call a node in messages: its name and operator, or the operator alone. */
export function nameNode(operator: string, name: string): string {
  return name === "" ? operator : `${name} (${operator})`;
}

/**
 * The nodes on the CPU, out of ONNX Runtime's verbose log of a session's creation, as `name (Operator)`. "all" when no node is
 * anywhere else, which the log does not list. Null when the log does not tell.
 */
export function nodesOnCpu(log: string): string[] | "all" | null {
  if (/All nodes placed on \[CPUExecutionProvider\]/u.test(log)) return "all";
  const placed: string[] = [];
  let provider: string | null = null;
  for (const line of log.split("\n")) {
    provider =
      /Node\(s\) placed on \[(\w+)\]|All nodes placed on \[(\w+)\]/u.exec(line)?.slice(1).find(Boolean) ?? provider;
    const node = /VerifyEachNodeIsAssignedToAnEp\w*\]\s+(?<operator>\w+) \((?<name>.*)\)/u.exec(line)?.groups;
    if (provider === "CPUExecutionProvider" && node !== undefined) {
      placed.push(nameNode(node["operator"] ?? "", node["name"] ?? ""));
    }
  }
  return provider === null ? null : placed;
}

/** Reads along what a WebAssembly module of ONNX Runtime writes to the console, while asked to. */
export class ConsoleTap {
  #lines: string[] | null = null;

  /** Start the module: it keeps the function for errors that the console has then. */
  async whileStarting<Result>(start: () => Promise<Result>): Promise<Result> {
    const { console } = globalThis;
    const { error } = console;
    const tapped = (...args: unknown[]): void => {
      if (this.#lines === null) error.apply(console, args);
      else this.#lines.push(args.join(" "));
    };
    Reflect.set(console, "error", tapped);
    try {
      return await start();
    } finally {
      if (Object.is(Reflect.get(console, "error"), tapped)) Reflect.set(console, "error", error);
    }
  }

  /** What the module writes during a task, which the console then does not get. */
  async capture(task: () => Promise<unknown>): Promise<string> {
    const lines: string[] = [];
    this.#lines = lines;
    try {
      await task();
    } finally {
      this.#lines = null;
    }
    return lines.join("\n");
  }
}
