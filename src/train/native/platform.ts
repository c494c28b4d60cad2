import { pins, type TensorFlowPin } from "./pins.ts";

/** What decides whether native TensorFlow can run in this process. */
export interface Host {
  readonly platform: string;
  readonly arch: string;
  /** The C library of a Linux host. */
  readonly libc: "glibc" | "musl";
  /** Version of Node-API this Node offers. */
  readonly nodeApi: number;
  readonly node: string;
}

/** Why native TensorFlow cannot run here, and what the user can do about it. */
export interface Unsupported {
  readonly reason: string;
  readonly hint: string;
}

const NODE_API_NEEDED = 8;

const without = "export, infer, verify and inspect work without it";

export function thisHost(): Host {
  return {
    platform: process.platform,
    arch: process.arch,
    libc: process.platform === "linux" && !hasGlibc() ? "musl" : "glibc",
    nodeApi: Number(process.versions["napi"] ?? 0),
    node: process.versions.node,
  };
}

/** The wheel whose libraries run on a host, or why there is none. */
export function pinFor(host: Host): TensorFlowPin | Unsupported {
  if (host.nodeApi < NODE_API_NEEDED) {
    return {
      reason: `native TensorFlow needs Node-API ${NODE_API_NEEDED}; Node ${host.node} has ${host.nodeApi}`,
      hint: "use Node 20.19 or newer (nvm install 22)",
    };
  }
  if (host.libc === "musl") {
    return {
      reason: "native TensorFlow needs glibc; this Linux has musl, for which there is no TensorFlow",
      hint: `use a distribution with glibc (in Docker: node:22-bookworm instead of node:22-alpine); ${without}`,
    };
  }
  const target = `${host.platform}-${host.arch}`;
  const pin = pins.find((candidate) => candidate.target === target);
  if (pin !== undefined) return pin;
  const known = pins.map((candidate) => candidate.target).join(", ");
  return {
    reason: `there is no native TensorFlow for ${target}; it is set up on ${known}`,
    hint:
      host.platform === "win32"
        ? `run it in WSL 2 (wsl --install), with Node installed there; ${without}`
        : `use one of those machines, or a linux/amd64 or linux/arm64 container; ${without}`,
  };
}

function hasGlibc(): boolean {
  const report = process.report;
  // Left on, it looks up the host name of every open socket.
  Object.assign(report, { excludeNetwork: true });
  const { header }: { readonly header?: unknown } = report.getReport();
  return typeof header === "object" && header !== null && "glibcVersionRuntime" in header;
}
