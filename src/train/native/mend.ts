import { findProgram } from "./programs.ts";

/** A program that the user installs. */
export type Need = "pip" | "compiler" | "chromium";

interface PackageManager {
  readonly program: string;
  readonly install: readonly string[];
  readonly packages: Readonly<Record<Need, string>>;
}

const packageManagers: readonly PackageManager[] = [
  {
    program: "apt-get",
    install: ["apt-get update", "apt-get install -y"],
    packages: { pip: "python3-pip", compiler: "g++", chromium: "chromium" },
  },
  {
    program: "dnf",
    install: ["dnf install -y"],
    packages: { pip: "python3-pip", compiler: "gcc-c++", chromium: "chromium" },
  },
  {
    program: "yum",
    install: ["yum install -y"],
    packages: { pip: "python3-pip", compiler: "gcc-c++", chromium: "chromium" },
  },
  {
    program: "zypper",
    install: ["zypper install -y"],
    packages: { pip: "python3-pip", compiler: "gcc-c++", chromium: "chromium" },
  },
  {
    program: "pacman",
    install: ["pacman -Sy --noconfirm"],
    packages: { pip: "python-pip", compiler: "gcc", chromium: "chromium" },
  },
  { program: "apk", install: ["apk add"], packages: { pip: "py3-pip", compiler: "g++", chromium: "chromium" } },
];

// Minimal images keep their package manager here while PATH may be anything.
const systemFolders = "/usr/bin:/bin:/usr/sbin:/sbin:/opt/homebrew/bin:/usr/local/bin";

const needNames: Readonly<Record<Need, string>> = {
  pip: "pip (or uv), which downloads TensorFlow's libraries",
  compiler: "a C++ compiler (c++, g++ or clang++), which compiles tfjs-node's addon",
  chromium: "Chromium or Chrome",
};

const plainNames: Readonly<Record<Need, string>> = {
  pip: "uv, or Python 3 with pip",
  compiler: "g++ or clang++",
  chromium: "Chromium or Chrome",
};

/** What a need is, for a sentence. */
export function nameNeed(need: Need): string {
  return needNames[need];
}

/** The command that installs what is missing on this machine. */
export function mendCommand(needs: readonly Need[], env: NodeJS.ProcessEnv = process.env): string {
  return process.platform === "darwin" ? mendOnMac(needs, env) : mendOnLinux(needs, env);
}

function mendOnMac(needs: readonly Need[], env: NodeJS.ProcessEnv): string {
  if (needs.includes("compiler")) return "xcode-select --install";
  if (needs.includes("chromium")) return "brew install --cask google-chrome";
  return hasProgram("brew", env) ? "brew install uv" : "xcode-select --install";
}

function mendOnLinux(needs: readonly Need[], env: NodeJS.ProcessEnv): string {
  const manager = packageManagers.find(({ program }) => hasProgram(program, env));
  if (manager === undefined) {
    const packages = needs.map((need) => plainNames[need]);
    return `install ${packages.join(" and ")} with this system's package manager`;
  }
  const packages = needs.map((need) => manager.packages[need]).join(" ");
  const sudo = process.getuid?.() === 0 ? "" : "sudo ";
  return manager.install
    .map((step, index) => `${sudo}${step}${index === manager.install.length - 1 ? ` ${packages}` : ""}`)
    .join(" && ");
}

function hasProgram(program: string, env: NodeJS.ProcessEnv): boolean {
  return findProgram(program, { PATH: `${env["PATH"] ?? ""}:${systemFolders}` }) !== undefined;
}
