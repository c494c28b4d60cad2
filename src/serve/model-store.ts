import { basename } from "node:path";

import { readExternalData, readOnnxGraph } from "../node/read-onnx.ts";

import { faultOf, RequestFault } from "./fault.ts";
import { stampOf, weightsStamp, type ModelPlace, type ModelSource } from "./model-files.ts";
import type { Pool } from "./pool.ts";
import type { Scheduler } from "./scheduler.ts";
import { ServedModel } from "./served-model.ts";

/** What the model repository index says of one version of a model. */
export interface IndexEntry {
  readonly name: string;
  readonly version: string;
  readonly state: "READY" | "UNAVAILABLE";
  /** Why it is not ready, or why its new file is not served. */
  readonly reason: string;
}

interface Entry {
  place: ModelPlace;
  model: ServedModel | null;
  reason: string;
  /** Weight files beside the model, as the file that was read last names them. */
  weights: readonly string[];
  /** Of the files that were tried last, whether they were loaded or refused. */
  tried: string | null;
  /** Of the files when they were looked at last: those that are still being written change between two looks. */
  seen: string | null;
  /** A request asked to unload it. */
  isUnloaded: boolean;
}

export interface StoreOptions {
  readonly sources: readonly ModelSource[];
  readonly pool: Pool;
  readonly scheduler: Scheduler;
  readonly onLoaded: (model: ServedModel, replaced: boolean) => void;
  readonly onRefused: (place: ModelPlace, reason: string, old: ServedModel | null) => void;
  readonly onRemoved: (model: ServedModel) => void;
}

/** The models that are served. A file that changes is loaded beside the old one, which answers until the new one can. */
export class ModelStore {
  readonly #options: StoreOptions;
  /** By name, then by version. */
  readonly #entries = new Map<string, Map<string, Entry>>();
  /** Old models that have requests left. */
  readonly #leaving = new Set<Promise<void>>();
  #ids = 0;
  /** Loads are done one after the other. */
  #last: Promise<unknown> = Promise.resolve();
  #timer: NodeJS.Timeout | undefined;

  constructor(options: StoreOptions) {
    this.#options = options;
  }

  /** Load all models. @throws when one cannot be loaded */
  async start(): Promise<void> {
    for (const source of this.#options.sources) {
      for (const place of await source()) {
        const entry = this.#entryOf(place);
        await this.#load(entry, false);
        if (entry.model === null) throw new RequestFault("internal", `${place.path}: ${entry.reason}`);
      }
    }
  }

  /** Look for files that changed every so many milliseconds. */
  watch(interval: number): void {
    this.#timer = setTimeout(() => {
      void this.#inTurn(() => this.#refresh()).finally(() => {
        if (this.#timer !== undefined) this.watch(interval);
      });
    }, interval);
  }

  async stop(): Promise<void> {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    await this.#last;
  }

  *models(): Generator<ServedModel> {
    for (const versions of this.#entries.values()) for (const { model } of versions.values()) if (model) yield model;
  }

  get isReady(): boolean {
    return this.#all().every(({ model, isUnloaded }) => model !== null || isUnloaded);
  }

  /** Versions of a model that are served, in order. @throws {RequestFault} notFound */
  versions(name: string): readonly ServedModel[] {
    const versions = this.#entries.get(name);
    const models = [...(versions?.values() ?? [])].flatMap(({ model }) => model ?? []);
    if (models.length > 0) return models.toSorted((a, b) => Number(a.version) - Number(b.version));
    const known = [...this.#entries.keys()].join(", ");
    throw new RequestFault("notFound", `no model is called ${JSON.stringify(name.slice(0, 100))}, or none is loaded`, {
      hint: known === "" ? "no model is served" : `models: ${known}`,
    });
  }

  /** @param version "" for the newest. @throws {RequestFault} notFound */
  find(name: string, version: string): ServedModel {
    const entries = this.#entries.get(name);
    const [only] = entries?.size === 1 ? entries.values() : [];
    if (version === "" && only?.model != null) return only.model;
    const models = this.versions(name);
    const found = version === "" ? models.at(-1) : models.find((model) => model.version === version);
    if (found !== undefined) return found;
    throw new RequestFault("notFound", `${name} has no version ${JSON.stringify(version.slice(0, 20))}`, {
      hint: `versions: ${models.map((model) => model.version).join(", ")}`,
    });
  }

  index(): IndexEntry[] {
    return this.#all().map(({ place: { name, version }, model, reason }) => {
      return { name, version, state: model === null ? "UNAVAILABLE" : "READY", reason };
    });
  }

  /** Load the model's files as they are now. @throws {RequestFault} when there is none, or one cannot be loaded */
  load(name: string): Promise<void> {
    return this.#inTurn(async () => {
      const places = (await this.#places()).filter((place) => place.name === name);
      if (places.length === 0) throw unknown(name);
      this.#forget(new Set(places.map(keyOf)), name);
      for (const place of places) {
        const entry = this.#entryOf(place);
        entry.isUnloaded = false;
        const stamp = await currentStamp(entry);
        if (entry.model === null || stamp !== entry.tried) await this.#load(entry, true);
        if (entry.reason !== "") throw new RequestFault("invalid", `${name} was not loaded: ${entry.reason}`);
      }
    });
  }

  /** Stop serving a model; requests that it has are answered. @throws {RequestFault} notFound */
  unload(name: string): Promise<void> {
    return this.#inTurn(async () => {
      const versions = this.#entries.get(name);
      if (versions === undefined) throw unknown(name);
      for (const entry of versions.values()) {
        entry.isUnloaded = true;
        entry.reason = "unloaded by a request";
        this.#release(entry);
      }
      return Promise.resolve();
    });
  }

  #inTurn<Result>(work: () => Promise<Result>): Promise<Result> {
    const turn = this.#last.then(work);
    this.#last = turn.catch(() => undefined);
    return turn;
  }

  async #places(): Promise<ModelPlace[]> {
    const found = await Promise.all(this.#options.sources.map((source) => source()));
    return found.flat();
  }

  async #refresh(): Promise<void> {
    const places = await this.#places();
    this.#forget(new Set(places.map(keyOf)));
    for (const place of places) {
      const entry = this.#entryOf(place);
      if (entry.isUnloaded) continue;
      const stamp = await currentStamp(entry);
      const isWhole = stamp === entry.seen;
      entry.seen = stamp;
      if (isWhole && stamp !== entry.tried) await this.#load(entry, true);
    }
  }

  /** Drop entries whose files are gone from the folders. */
  #forget(kept: ReadonlySet<string>, only?: string): void {
    for (const [name, versions] of this.#entries) {
      if (only !== undefined && name !== only) continue;
      for (const [version, entry] of versions) {
        if (kept.has(keyOf(entry.place))) continue;
        versions.delete(version);
        this.#release(entry);
      }
      if (versions.size === 0) this.#entries.delete(name);
    }
  }

  async #load(entry: Entry, probe: boolean): Promise<void> {
    const { pool, onLoaded, onRefused } = this.#options;
    const { place } = entry;
    const old = entry.model;
    // Before the file is read: what changes meanwhile is noticed at the next look.
    const own = await stampOf(place.path);
    const mark = async (): Promise<void> => {
      entry.tried = await joinedStamp(own, entry);
      entry.seen = entry.tried;
    };
    await mark();
    try {
      const { bytes, header } = await readOnnxGraph(place.path);
      entry.weights = header.externalData;
      await mark();
      const externalData = await readExternalData(place.path, entry.weights);
      const id = ++this.#ids;
      const file = { bytes, externalData };
      const values = await pool.load(id, file, probe);
      const model = new ServedModel(id, place, values);
      entry.model = model;
      entry.reason = "";
      if (old !== null) this.#leave(old);
      onLoaded(model, old !== null);
    } catch (error) {
      entry.reason = withoutPath(faultOf(error).text, place.path);
      onRefused(place, entry.reason, old);
    }
  }

  #release(entry: Entry): void {
    const { model } = entry;
    entry.model = null;
    entry.tried = null;
    if (model === null) return;
    this.#leave(model);
    this.#options.onRemoved(model);
  }

  /** Requests that the model has are answered before it goes. */
  #leave(model: ServedModel): void {
    const { pool, scheduler } = this.#options;
    const left = scheduler.idle(model).then(() => {
      this.#leaving.delete(left);
      pool.unload(model.id);
    });
    this.#leaving.add(left);
  }

  #all(): Entry[] {
    return [...this.#entries.values()].flatMap((versions) => [...versions.values()]);
  }

  #entryOf(place: ModelPlace): Entry {
    const versions = this.#entries.get(place.name) ?? new Map<string, Entry>();
    this.#entries.set(place.name, versions);
    const found = versions.get(place.version);
    if (found !== undefined) {
      // A version may move: from model.onnx in the model's folder to 1/model.onnx.
      found.place = place;
      return found;
    }
    const made: Entry = { place, model: null, reason: "", weights: [], tried: null, seen: null, isUnloaded: false };
    versions.set(place.version, made);
    return made;
  }
}

/** Of the model's file and its weight files as they are now; null when there is no model. */
async function currentStamp(entry: Entry): Promise<string | null> {
  return joinedStamp(await stampOf(entry.place.path), entry);
}

async function joinedStamp(own: string | null, { place, weights }: Entry): Promise<string | null> {
  return own === null ? null : `${own}${await weightsStamp(place.path, weights)}`;
}

/** Clients are told the reason, but not where this machine keeps its files. */
function withoutPath(reason: string, path: string): string {
  return reason.replaceAll(`${path}: `, "").replaceAll(path, basename(path));
}

function keyOf({ name, version }: ModelPlace): string {
  return `${name}/${version}`;
}

function unknown(name: string): RequestFault {
  return new RequestFault("notFound", `no model is called ${JSON.stringify(name.slice(0, 100))}`);
}
