import { findProgram } from "./programs.ts";
import type { Environment } from "../../node/environment.ts";

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

/** What decides how programs are installed on a machine. */
export interface Machine {
  readonly platform: string;
  /** Whether this user may install programs as he is. */
  readonly root: boolean;
  /** Whether a package manager is there. */
  has(program: string): boolean;
}

export function thisMachine(env: Environment = process.env): Machine {
  return {
    platform: process.platform,
    root: process.getuid?.() === 0,
    has: (program) => findProgram(program, { PATH: `${env["PATH"] ?? ""}:${systemFolders}` }) !== undefined,
  };
}

/** The command that installs what is missing. */
export function installCommand(needs: readonly Need[], machine: Machine = thisMachine()): string {
  return machine.platform === "darwin" ? installOnMac(needs, machine) : installOnLinux(needs, machine);
}

function installOnMac(needs: readonly Need[], machine: Machine): string {
  // Apple's command line tools bring Python with pip too.
  if (needs.includes("compiler")) return "xcode-select --install";
  if (needs.includes("chromium")) return "brew install --cask google-chrome";
  return machine.has("brew") ? "brew install uv" : "xcode-select --install";
}

function installOnLinux(needs: readonly Need[], machine: Machine): string {
  const manager = packageManagers.find(({ program }) => machine.has(program));
  if (manager === undefined) {
    return `install ${needs.map((need) => plainNames[need]).join(" and ")} with this system's package manager`;
  }
  const sudo = machine.root ? "" : "sudo ";
  const packages = needs.map((need) => manager.packages[need]).join(" ");
  return `${manager.install.map((step) => `${sudo}${step}`).join(" && ")} ${packages}`;
}
