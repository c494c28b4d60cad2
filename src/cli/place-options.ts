import { availableParallelism } from "node:os";

import { Option, type Command } from "commander";

import { UsageError } from "../errors.ts";
import type { Provider, RuntimeName } from "../infer/runtime.ts";
import { providersOf } from "../infer/runtimes.ts";
import { placeName, type Place } from "../node/place.ts";

import { parseChoices, parseWhole } from "./option-parsers.ts";

const RUNTIMES: readonly RuntimeName[] = ["node", "web", "tfjs"];
const PROVIDERS: readonly (Provider | "auto")[] = ["auto", "cpu", "wasm", "webgpu", "tensorflow"];

/** More threads than this, where the cores are fewer, take minutes to start and never help. */
const MOST_THREADS = Math.max(128, availableParallelism());

/** `--threads` and `--browser`, which every command that runs a model has. */
export interface PlaceFlags {
  readonly threads?: number;
  readonly browser?: true;
}

/** Where one model runs, as the command line says it. */
export interface PlaceOptions extends PlaceFlags {
  readonly runtime: RuntimeName;
  readonly provider?: Provider | "auto";
}

/** The same of a command that runs in several places, one after the other. */
export interface PlacesOptions extends PlaceFlags {
  readonly runtime: readonly RuntimeName[];
  readonly provider?: readonly (Provider | "auto")[];
}

/** Options of a command that runs a model in one place. */
export function addPlaceOptions(command: Command): Command {
  command
    .addOption(new Option("--runtime <name>", "the library that runs the model").choices(RUNTIMES).default("node"))
    .addOption(
      new Option(
        "--provider <name>",
        "execution provider (default: the runtime's own); auto takes webgpu where it is available",
      ).choices(PROVIDERS),
    );
  return addPlaceFlags(command, { runtime: "web" });
}

/** Options of a command that runs ONNX files in several places. */
export function addPlacesOptions(command: Command): Command {
  command
    .option("--runtime <names>", "node, web or both: node,web", parseChoices("--runtime", ["node", "web"]), ["node"])
    .option(
      "--provider <names>",
      "cpu, wasm, webgpu, auto (default: the runtime's own)",
      parseChoices("--provider", ["cpu", "wasm", "webgpu", "auto"]),
    );
  return addPlaceFlags(command, { runtime: ["web"] });
}

/** Options of a command that names its places in a list. */
export function addPlaceListOptions(command: Command, places: string): Command {
  return addPlaceFlags(
    command.option("--on <list>", `runtimes and providers (default: ${places})`, parsePlaces),
    undefined,
  );
}

function addPlaceFlags(command: Command, implied: object | undefined): Command {
  const browser = new Option("--browser", "run onnxruntime-web in headless Chromium instead of this process");
  return command
    .option(
      "--threads <n>",
      "threads within one operator (default: chosen by the runtime)",
      parseWhole("--threads", 1, MOST_THREADS),
    )
    .addOption(implied === undefined ? browser : browser.implies(implied));
}

/** @throws {UsageError} when the parts do not go together */
export function placeOf({ runtime, provider, threads, browser }: PlaceOptions): Place {
  if (browser === true && runtime !== "web") {
    throw new UsageError(`--browser goes with --runtime web; got ${runtime}`);
  }
  if (provider !== undefined && !has(runtime, provider)) throw lacks(runtime, [provider]);
  return {
    runtime,
    ...(provider === undefined ? {} : { provider }),
    ...(threads === undefined ? {} : { threads }),
    ...(browser === true ? { browser } : {}),
  };
}

/** Every pair of a runtime and a provider it has, out of two lists. @throws {UsageError} when none fits a runtime */
export function placesOf({ runtime, provider, threads, browser }: PlacesOptions): Place[] {
  if (browser === true && !runtime.includes("web")) {
    throw new UsageError(`--browser goes with --runtime web; got ${runtime.join()}`);
  }
  return runtime.flatMap((each) => {
    const own = provider?.filter((name) => has(each, name)) ?? [undefined];
    if (own.length === 0) throw lacks(each, provider ?? []);
    return own.map((name) =>
      placeOf({
        runtime: each,
        ...(name === undefined ? {} : { provider: name }),
        ...(threads === undefined ? {} : { threads }),
        ...(browser === true && each === "web" ? { browser } : {}),
      }),
    );
  });
}

function has(runtime: RuntimeName, provider: Provider | "auto"): boolean {
  return provider === "auto" || providersOf[runtime].includes(provider);
}

function lacks(runtime: RuntimeName, providers: readonly string[]): UsageError {
  return new UsageError(
    `the runtime ${runtime} has the providers ${providersOf[runtime].join(", ")}; got ${providers.join(", ")}`,
  );
}

/** A place whose provider is settled. */
export type SettledPlace = Place & { readonly provider: Provider };

/** `node/cpu,web/wasm,browser/webgpu`. */
function parsePlaces(text: string): SettledPlace[] {
  const known = everyPlace();
  return text.split(",").map((entry) => {
    const place = known.find((each) => placeName(each) === entry.trim());
    if (place !== undefined) return place;
    throw new UsageError(`--on takes a list of ${known.map(placeName).join(", ")}; got "${entry}"`);
  });
}

function everyPlace(): SettledPlace[] {
  const runtimes: readonly RuntimeName[] = ["tfjs", "node", "web"];
  const here = runtimes.flatMap((runtime) => providersOf[runtime].map((provider) => ({ runtime, provider })));
  return [...here, ...here.flatMap((place) => (place.runtime === "web" ? [inBrowser(place)] : []))];
}

/** The place in a browser where it is onnxruntime-web's, else the place itself. */
export function inBrowser<Where extends Place>(place: Where): Where & { readonly browser?: true } {
  return place.runtime === "web" ? { ...place, browser: true } : place;
}
