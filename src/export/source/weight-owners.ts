import { ModelFormatError } from "../../errors.ts";

import { kerasStem, type Dialect } from "./dialect.ts";
import { listed, push, quoted } from "./json.ts";
import { LAYER_CLASSES, type LayerClass } from "./layer-classes.ts";
import { canonicalScope, type OwnWeight } from "./layer-weights.ts";
import type { ChildAt, LayerAt, ModelAt, ReadTopology } from "./topology.ts";
import {
  expectedWeights,
  innerLayer,
  namesByNumber,
  numberedName,
  stackedCells,
  type InnerLayer,
} from "./weight-names.ts";
import type { StoredWeight } from "./weights.ts";
import { last } from "../../require.ts";

/** Which layer has which weight of the file, by the layer's {@link pathKey}. */
export type WeightOwners = ReadonlyMap<string, readonly OwnWeight[]>;

export interface FoundOwners {
  readonly owners: WeightOwners;
  /** Notes for the user about weights that were matched by another name. */
  readonly notes: readonly string[];
}

/** A layer's path as a unique key: no other path gives the same key, whatever its names. */
export function pathKey(path: readonly string[]): string {
  return JSON.stringify(path);
}

/**
 * Give each weight of the file to the layer it belongs to, by its name. TF.js names a weight after its layer (`dense/kernel`),
 * whatever models are around it; Keras adds models around, cells within (`encoder/lstm/lstm_cell/kernel`), and in its own
 * file format has numbers for names and classes for layers (`layers/lstm_1/cell/vars/0`).
 *
 * Source: tfjs-layers 4.22.0, engine/container.ts, loadWeights; Keras 3.15, saving/saving_lib.py.
 *
 * @param ignoreUnused Leave out weights that belong to no layer, instead of refusing them.
 * @throws {ModelFormatError} when a weight is there twice, belongs to no layer, or could belong to several.
 */
export function findOwners(
  topology: ReadTopology,
  stored: readonly StoredWeight[],
  dialect: Dialect,
  ignoreUnused: boolean,
): FoundOwners {
  const owners = new OwnerFinder(topology, dialect);
  owners.addNumbered(stored.filter(({ name }) => NUMBERED.test(name)));
  owners.addNamed(stored.filter(({ name }) => !NUMBERED.test(name)));
  owners.addSuffixed();
  return owners.result(ignoreUnused);
}

/**
 * A layer within models of a model, or in them and beside them, is written with each; Keras stores its weights where it met it
 * first, or once for each.
 */
function withShared(owners: WeightOwners, layers: readonly LayerAt[]): WeightOwners {
  const bare = layers.filter((layer) => !owners.has(pathKey(layer.path)) && (expectedWeights(layer)?.length ?? 0) > 0);
  if (bare.length === 0) return owners;
  const shared = new Map<string, readonly OwnWeight[]>();
  for (const layer of layers) {
    const own = owners.get(pathKey(layer.path));
    if (own !== undefined) shared.set(likeness(layer), shared.has(likeness(layer)) ? [] : own);
  }
  const given = bare.map((layer) => [pathKey(layer.path), shared.get(likeness(layer)) ?? []] as const);
  return new Map([...owners, ...given.filter(([, own]) => own.length > 0)]);
}

/** A key that is equal for copies of one layer: its path without the numbers that Keras adds to later copies. */
function likeness({ path, className, config }: LayerAt): string {
  return JSON.stringify([path.at(-1), className, config], (key, value: unknown) =>
    key === "shared_object_id" ? undefined : value,
  );
}

/** Whether these layers were written more than once, each time with the same weight. */
function areAlike(layers: readonly LayerAt[], group: readonly { readonly weight: StoredWeight }[]): boolean {
  const [first] = group;
  return (
    first !== undefined &&
    new Set(layers.map(likeness)).size === 1 &&
    group.every(({ weight }) => isSame(weight, first.weight))
  );
}

function isSame(a: StoredWeight, b: StoredWeight): boolean {
  if (a === b) return true;
  if (a.dims.join() !== b.dims.join()) return false;
  const [one, other] = [a.read(), b.read()];
  return one.dtype === other.dtype && one.data.every((value, index) => value === other.data[index]);
}

/** Layers of the same name in different models; the limit bounds the time to tell them apart. */
const MAX_NAMESAKES = 1000;

/** Bounds the time to look for weights under other names. */
const MAX_COMPARISONS = 10_000_000;

const NUMBERED = /\/\d+$/;

/** The layers that the start of a weight's name matches, and the rest of the name within them. */
interface Match {
  readonly layers: readonly LayerAt[];
  readonly inner: readonly string[];
}

/** Whether a weight with these tokens after the layer's name may be the layer's. */
type Fits = (layer: LayerAt, inner: readonly string[]) => boolean;

interface Matched extends Match {
  readonly weight: StoredWeight;
  readonly name: string;
}

class OwnerFinder {
  readonly #dialect: Dialect;
  readonly #names: NameIndex;
  readonly #owned = new Map<string, Map<string, OwnWeight>>();
  #strays: StoredWeight[] = [];
  readonly #notes: string[] = [];

  constructor(topology: ReadTopology, dialect: Dialect) {
    this.#dialect = dialect;
    this.#names = new NameIndex(topology);
  }

  result(ignoreUnused: boolean): FoundOwners {
    if (this.#strays.length > 0 && !ignoreUnused) {
      const several = this.#strays.length > 1;
      throw new ModelFormatError(
        `${this.#strays.length} ${several ? "weights belong" : "weight belongs"} to no layer of the model: ` +
          listed(this.#strays.map(({ name }) => quoted(name))),
        { hint: strayHint(this.#strays, this.#bareLayers()) },
      );
    }
    const own = new Map([...this.#owned].map(([key, weights]) => [key, withCellsCounted([...weights.values()])]));
    const owners = this.#dialect.tfjs ? own : withShared(own, this.#names.layers());
    return { owners, notes: this.#notes };
  }

  /** Layers that must have weights and were given none yet. */
  #bareLayers(): readonly LayerAt[] {
    return this.#names
      .layers()
      .filter((layer) => !this.#owned.has(pathKey(layer.path)) && (expectedWeights(layer)?.length ?? 0) > 0);
  }

  /**
   * Weights named after a layer with a number added, as TensorFlow names those of a layer that was built twice:
   * `conv_1/kernel` for the layer `conv`. They are taken only where no other reading is left: the layer was given no weight,
   * they are exactly the weights it must have, one such set is there, and no other layer of the model has the name with a
   * number added, since the weights of a model may also have been counted on as a whole (`dense_1` for `dense`, `dense_2` for
   * `dense_1`).
   */
  addSuffixed(): void {
    if (this.#strays.length === 0) return;
    const names = new Set(this.#names.layers().map(lastName));
    const bare = this.#bareLayers();
    if (bare.length * (names.size + this.#strays.length) > MAX_COMPARISONS) return;
    const claims = new Map<string, { layer: LayerAt; base: string; matched: Matched[] }[]>();
    for (const layer of bare) {
      const name = lastName(layer);
      const isCounted = [...names].some((other) => suffixOf(other, name) !== null);
      if (isCounted || bare.filter((other) => lastName(other) === name).length > 1) continue;
      const sets = new Map<string, Matched[]>();
      for (const weight of this.#strays) {
        const [suffix, rest] = suffixOf(weight.name, name) ?? [];
        if (suffix === undefined || rest === undefined) continue;
        const inner = rest.split("/");
        const own = inner.pop();
        if (own !== undefined) push(sets, `${name}${suffix}`, { weight, name: own, layers: [layer], inner });
      }
      const [only, ...others] = sets;
      if (only === undefined || others.length > 0 || !isComplete(layer, only[1])) continue;
      for (const { weight } of only[1]) push(claims, weight.name, { layer, base: only[0], matched: only[1] });
    }
    for (const [claim] of claims.values()) {
      if (claim === undefined || this.#owned.has(pathKey(claim.layer.path))) continue;
      const own = claim.matched.map(({ weight }) => weight);
      if (own.some(({ name }) => claims.get(name)?.length !== 1)) continue;
      for (const matched of claim.matched) this.#give(claim.layer, matched);
      this.#strays = this.#strays.filter((weight) => !own.includes(weight));
      this.#notes.push(
        `the weights ${quoted(`${claim.base}/...`)} are taken as those of layer ${quoted(lastName(claim.layer))}, which has no ` +
          "others; TF.js itself refuses to load weights under another name",
      );
    }
  }

  /** Weights whose names end in a name: first those that only one layer can have, then what is left. */
  addNamed(weights: readonly StoredWeight[]): void {
    const shared = new Map<string, Matched[]>();
    for (const weight of weights) {
      const matched = this.#match(weight);
      if (matched === null) continue;
      const [only] = matched.layers;
      if (matched.layers.length === 1 && only !== undefined) this.#give(only, matched);
      else push(shared, weight.name, matched);
    }
    for (const [name, group] of shared) this.#share(name, group);
  }

  #match(weight: StoredWeight): Matched | null {
    const tokens = weight.name.split("/");
    const name = tokens.pop() ?? "";
    const match = tokens.length === 0 ? this.#names.withBareName(name) : this.#find(tokens, name);
    if (match === null) {
      this.#stray(weight);
      return null;
    }
    const { layers, inner } = match;
    if (layers.length > MAX_NAMESAKES) {
      throw new ModelFormatError(`weight ${quoted(weight.name)} may belong to any of ${layers.length} layers`);
    }
    return { weight, name, layers, inner };
  }

  /** As TF.js: by the exact name first, then without the token before the last (`lstm/lstm_cell/kernel`). */
  #find(tokens: readonly string[], name: string): Match | null {
    if (!this.#dialect.tfjs) return this.#names.find(tokens, (layer) => mayHave(layer, name));
    const exactly: Fits = (layer, inner) => mayHave(layer, name) && namesExactly(layer, inner);
    return this.#names.find(tokens, exactly) ?? this.#names.find(tokens.slice(0, -1), exactly);
  }

  /** Keras 3 keeps states of random generators with the weights, for layers that have none in TF.js. */
  #stray(weight: StoredWeight): void {
    const isSeed = this.#dialect.keras3 && /seed_generator/.test(weight.name);
    if (!isSeed) this.#strays.push(weight);
  }

  /** Weights of one name that several layers of one name, in different models, may have. */
  #share(name: string, group: readonly Matched[]): void {
    const [first] = group;
    if (first === undefined) return;
    const layers = inWritingOrder(first.layers.filter((layer) => !this.#has(layer, first)));
    if (!this.#dialect.tfjs && areAlike(layers, group)) {
      for (const each of layers) this.#give(each, first);
      return;
    }
    // Only TF.js is known to write weights in the order of the layers.
    if (group.length === layers.length && (group.length === 1 || this.#dialect.tfjs)) {
      layers.forEach((layer, index) => this.#give(layer, group[index] ?? first));
      return;
    }
    const where = first.layers.map(({ path }) => path.join("/"));
    throw new ModelFormatError(
      `${group.length === 1 ? "weight" : `${group.length} weights called`} ${quoted(name)} may belong to any of the ` +
        `layers ${listed(where)}, which have the same name`,
      { hint: "give layers of nested models names of their own, and save the model again" },
    );
  }

  #has(layer: LayerAt, { inner, name }: Matched): boolean {
    return this.#owned.get(pathKey(layer.path))?.has(weightKey(innerScope(layer, inner).scope, name)) ?? false;
  }

  #give(layer: LayerAt, { weight, name, inner }: Matched): void {
    const { scope } = innerScope(layer, inner);
    this.#add(layer.path, { scope, name: ownName(layer, name), stored: weight });
  }

  #add(path: readonly string[], weight: OwnWeight): void {
    const key = pathKey(path);
    const weights = this.#owned.get(key) ?? new Map<string, OwnWeight>();
    const own = weightKey(weight.scope, weight.name);
    if (weights.has(own)) throw new ModelFormatError(`weight ${quoted(weight.stored.name)} is there more than once`);
    weights.set(own, weight);
    this.#owned.set(key, weights);
  }

  /** Weights whose names end in a number, their place among the layer's weights. */
  addNumbered(weights: readonly StoredWeight[]): void {
    const root = new Folder();
    for (const weight of weights) {
      const tokens = weight.name.split("/");
      const index = Number(tokens.pop());
      if (tokens.at(-1) === "vars") tokens.pop();
      const [first] = tokens;
      if (first !== undefined && CONTAINERS.has(first)) folderAt(root, tokens).add(index, weight);
      else this.#addNumberedByName(tokens, index, weight);
    }
    this.#addFolder(root, []);
  }

  #addNumberedByName(tokens: readonly string[], index: number, weight: StoredWeight): void {
    const match = this.#names.find(tokens);
    const [layer] = match?.layers ?? [];
    if (match === null || layer === undefined || match.layers.length > 1) this.#stray(weight);
    else this.#addAt(layer, match.inner, index, weight);
  }

  #addAt(layer: LayerAt, inner: readonly string[], index: number, weight: StoredWeight): void {
    const part = innerScope(layer, inner);
    const name = part.layer === null ? String(index) : numberedName(part.layer, index);
    if (name === undefined) this.#stray(weight);
    else this.#add(layer.path, { scope: part.scope, name, stored: weight });
  }

  /** The weights of a model in Keras' own file format, where layers are counted by class. */
  #addFolder(folder: Folder, path: readonly string[]): void {
    const model = this.#names.model(path);
    for (const [token, container] of folder.folders) {
      if (model === undefined || !CONTAINERS.has(token)) container.all().forEach(({ weight }) => this.#stray(weight));
      else this.#addChildren(container, model);
    }
  }

  #addChildren(container: Folder, model: ModelAt): void {
    const names = childNames(container, model);
    for (const [token, folder] of container.folders) {
      const child = names.get(token);
      const layer = child === undefined ? undefined : this.#names.layer([...model.path, child.name]);
      if (child?.inner != null) this.#addFolder(folder.folders.get("layer") ?? folder, child.inner);
      else if (layer === undefined) folder.all().forEach(({ weight }) => this.#stray(weight));
      else folder.all().forEach(({ inner, index, weight }) => this.#addAt(layer, inner, index, weight));
    }
  }
}

function lastName({ path }: LayerAt): string {
  return last(path);
}

/** `_1` and `kernel` for the name `conv_1/kernel` and the layer `conv`; null for other names. */
function suffixOf(name: string, layer: string): readonly [suffix: string, rest: string] | null {
  if (!name.startsWith(`${layer}_`)) return null;
  const [, suffix, rest = ""] = /^(_\d+)(?:\/(.+))?$/s.exec(name.slice(layer.length)) ?? [];
  return suffix === undefined ? null : [suffix, rest];
}

/** Whether these are the weights a layer must have, each once. */
function isComplete(layer: LayerAt, group: readonly Matched[]): boolean {
  const keyOf = ({ inner, name }: Matched): string => weightKey(innerScope(layer, inner).scope, ownName(layer, name));
  const expected = new Set((expectedWeights(layer) ?? []).map(({ scope, name }) => weightKey(scope, name)));
  const found = new Set(group.map(keyOf));
  return group.length === expected.size && [...found].every((key) => expected.has(key)) && found.size === expected.size;
}

/** How the names of the weights differ from those of the layers. */
function strayHint(strays: readonly StoredWeight[], bare: readonly LayerAt[]): string {
  if (bare.length === 0) {
    return "every layer has its weights without these; the model.json describes another model than the one whose weights it lists";
  }
  const owners = [...new Set(strays.map(({ name }) => name.split("/").slice(0, -1).join("/")))].filter(Boolean);
  const layers = [...new Set(bare.map(({ path }) => path.join("/")))];
  return (
    `the weights are named after ${owners.length === 0 ? "no layer" : listed(owners.map(quoted), 4)}, and ` +
    `${layers.length === 1 ? "the layer that has none is" : "the layers that have none are"} ${listed(layers.map(quoted), 4)}; ` +
    "if these belong together, give the weights the layer's name in weightsManifest, or name the layer as its weights are"
  );
}

/** Folders of Keras' own file format that hold a model's layers. */
const CONTAINERS: ReadonlySet<string> = new Set(["layers", "_layers", "_layer_checkpoint_dependencies"]);

/** Numbered weights as nested folders. */
class Folder {
  readonly folders = new Map<string, Folder>();
  readonly #weights: { readonly index: number; readonly weight: StoredWeight }[] = [];

  /** The folder within this one, made if need be. */
  folder(token: string): Folder {
    const folder = this.folders.get(token) ?? new Folder();
    this.folders.set(token, folder);
    return folder;
  }

  add(index: number, weight: StoredWeight): void {
    this.#weights.push({ index, weight });
  }

  /** Every weight in this folder and those within it. */
  all(): readonly { readonly inner: readonly string[]; readonly index: number; readonly weight: StoredWeight }[] {
    const found: { inner: readonly string[]; index: number; weight: StoredWeight }[] = [];
    const stack: { folder: Folder; inner: readonly string[] }[] = [{ folder: this, inner: [] }];
    for (let top = stack.pop(); top !== undefined; top = stack.pop()) {
      const { folder, inner } = top;
      for (const each of folder.#weights) found.push({ inner, index: each.index, weight: each.weight });
      for (const [token, next] of folder.folders) stack.push({ folder: next, inner: [...inner, token] });
    }
    return found;
  }
}

/** Limit on the depth of folders, which are walked by recursion. Layers cannot be nested as deep. */
const MAX_FOLDERS = 400;

function folderAt(root: Folder, tokens: readonly string[]): Folder {
  if (tokens.length > MAX_FOLDERS)
    throw new ModelFormatError(`weight ${quoted(tokens.join("/"))} is in too many folders`);
  return tokens.reduce((folder, token) => folder.folder(token), root);
}

/**
 * Which child each of a model's folders is: `dense_2` is the third layer of class Dense. Keras 2.13 to 2.15 skip
 * numbers; then the folders of a class follow its layers that have weights.
 */
function childNames(container: Folder, model: ModelAt): ReadonlyMap<string, ChildAt> {
  const byStem = new Map<string, { token: string; count: number }[]>();
  const children = new Map<string, ChildAt[]>();
  for (const child of model.children) push(children, kerasStem(child.className), child);
  for (const token of container.folders.keys()) {
    const numbered = /^(.+)_(\d+)$/.exec(token);
    const stem = children.has(token) ? token : (numbered?.[1] ?? token);
    const count = children.has(token) ? 0 : Number(numbered?.[2] ?? 0);
    push(byStem, stem, { token, count });
  }
  const names = new Map<string, ChildAt>();
  for (const [stem, folders] of byStem) {
    const layers = children.get(stem) ?? [];
    const sorted = folders.toSorted((a, b) => a.count - b.count);
    const counted = sorted.every(({ count }) => count < layers.length);
    if (!counted && sorted.length !== layers.length) continue;
    sorted.forEach(({ token, count }, rank) => {
      const child = layers[counted ? count : rank];
      if (child !== undefined) names.set(token, child);
    });
  }
  return names;
}

/** Layers by name, for names that may have slashes in them and models' names before them. */
class NameIndex {
  readonly #layers = new Map<string, LayerAt>();
  readonly #byName = new Map<string, LayerAt[]>();
  readonly #byModel = new Map<string, Set<LayerAt>>();
  readonly #models: ReadonlyMap<string, ModelAt>;

  constructor({ model, models, layers }: ReadTopology) {
    this.#models = new Map(models.map((each) => [pathKey(each.path), each]));
    const around = new Set(
      layers.flatMap(({ path }) => path.slice(0, -1).map((_, end) => pathKey(path.slice(0, end + 1)))),
    );
    this.#byModel.set(model.name, new Set(layers));
    for (const layer of layers) {
      const name = lastName(layer);
      this.#layers.set(pathKey(layer.path), layer);
      if (!around.has(pathKey(layer.path))) push(this.#byName, name, layer);
      for (const outer of layer.path.slice(0, -1)) {
        const inside = this.#byModel.get(outer) ?? new Set();
        this.#byModel.set(outer, inside.add(layer));
      }
    }
  }

  layers(): readonly LayerAt[] {
    return [...this.#layers.values()];
  }

  layer(path: readonly string[]): LayerAt | undefined {
    return this.#layers.get(pathKey(path));
  }

  model(path: readonly string[]): ModelAt | undefined {
    return this.#models.get(pathKey(path));
  }

  /** Keras 2 gives no layer name to the weights of a Normalization that was adapted before it was added to a model. */
  withBareName(name: string): Match | null {
    const all = [...this.#layers.values()].filter(
      (layer) => expectedWeights(layer) === null && namesByNumber(layer.className).includes(name),
    );
    return all.length === 0 ? null : { layers: all, inner: [] };
  }

  /**
   * The layers that the tokens of a weight's name lead to; null when there are none. The longest name wins among the layers
   * that `fits` accepts: `a/b/kernel` is the kernel of `a/b` where there is such a layer, and of `a` where there is none.
   */
  find(tokens: readonly string[], fits: Fits = () => true): Match | null {
    let scope: ReadonlySet<LayerAt> | null = null;
    let rest = tokens;
    while (rest.length > 0) {
      const layer = this.#longestLayer(rest, scope, fits);
      if (layer !== null) return layer;
      const model = this.#longestModel(rest, scope);
      if (model === null) return null;
      scope = model.inside;
      rest = model.rest;
    }
    return null;
  }

  #longestLayer(tokens: readonly string[], scope: ReadonlySet<LayerAt> | null, fits: Fits): Match | null {
    for (const length of lengths(tokens)) {
      const inner = tokens.slice(length);
      const named = this.#byName.get(tokens.slice(0, length).join("/"));
      if (named === undefined) continue;
      const inScope = scope === null ? named : named.filter((layer) => scope.has(layer));
      if (inScope.length > MAX_NAMESAKES) return { layers: inScope, inner };
      const layers = inScope.filter((layer) => fits(layer, inner));
      if (layers.length > 0) return { layers, inner };
    }
    return null;
  }

  #longestModel(
    tokens: readonly string[],
    scope: ReadonlySet<LayerAt> | null,
  ): { readonly inside: ReadonlySet<LayerAt>; readonly rest: readonly string[] } | null {
    for (const length of lengths(tokens)) {
      const all = this.#byModel.get(tokens.slice(0, length).join("/"));
      if (all === undefined) continue;
      const inside = scope === null ? all : new Set([...all].filter((layer) => scope.has(layer)));
      if (inside.size > 0) return { inside, rest: tokens.slice(length) };
    }
    return null;
  }
}

/** Names with more slashes have never been seen in a file; the limit bounds the search. */
const MAX_NAME_TOKENS = 32;

/** How many tokens a name may span, in descending order. */
function lengths(tokens: readonly string[]): readonly number[] {
  const most = Math.min(tokens.length, MAX_NAME_TOKENS);
  return Array.from({ length: most }, (_, index) => most - index);
}

function weightKey(scope: readonly string[], name: string): string {
  return pathKey([...scope, name]);
}

/** The name in TF.js of a weight that Keras 3 may name otherwise. */
function ownName({ className }: LayerAt, name: string): string {
  return LAYER_CLASSES.get(className)?.renamedWeights?.get(name) ?? name;
}

/** Whether the layer's class has a weight of this name; anything for classes that are not TF.js's own. */
function mayHave(layer: LayerAt, name: string): boolean {
  const expected = expectedWeights(layer);
  const own = ownName(layer, name);
  return expected === null || expected.some((weight) => weight.name === own);
}

/** Whether TF.js itself would give a weight within a layer of its own this name. */
function namesExactly(layer: LayerAt, inner: readonly string[]): boolean {
  if (holdsOf(layer) === "directions") return directionAt(layer, inner) !== null;
  const expected = expectedWeights(layer);
  return expected === null || inner.length === 0 || expected.some(({ scope }) => scope.length > 0);
}

/** TF.js writes the weights of all layers that can be trained before those of layers that cannot. */
function inWritingOrder(layers: readonly LayerAt[]): readonly LayerAt[] {
  return [...layers.filter((layer) => !isFrozen(layer)), ...layers.filter(isFrozen)];
}

function isFrozen({ config }: LayerAt): boolean {
  return config["trainable"] === false;
}

/** A part of a layer: a direction or a cell, and what is there. */
interface Part {
  readonly scope: readonly string[];
  /** Null when the layer is of a class not known. */
  readonly layer: InnerLayer | null;
}

type Direction = "forward" | "backward";

/** The direction of a Bidirectional that a weight's name begins with, as TF.js names it, and how many tokens that takes. */
function directionAt(
  { config }: InnerLayer,
  tokens: readonly string[],
): { readonly direction: Direction; readonly length: number } | null {
  for (const direction of ["forward", "backward"] as const) {
    for (const key of ["layer", "backward_layer"]) {
      const own = innerLayer(config[key])?.config["name"];
      if (typeof own !== "string") continue;
      const { length } = own.split("/");
      if (tokens.slice(0, length).join("/") === `${direction}_${own}`) return { direction, length };
    }
  }
  return null;
}

/** The part of a layer that the rest of a weight's name refers to. The name of a single cell is ignored. */
function innerScope({ className, config }: LayerAt, tokens: readonly string[]): Part {
  let layer: InnerLayer | null = { className, config };
  const scope: string[] = [];
  let skipped = wrappedName(layer, tokens);
  for (const [position, token] of tokens.entries()) {
    if (skipped-- > 0) continue;
    layer = unwrapped(layer);
    if (layer === null) break;
    const canonical = canonicalScope(token);
    const holds = holdsOf(layer);
    if (holds === "directions") {
      const exact = directionAt(layer, tokens.slice(position));
      const direction: string = exact?.direction ?? canonical;
      if (direction !== "forward" && direction !== "backward") continue;
      skipped = (exact?.length ?? 1) - 1;
      scope.push(direction);
      layer = innerLayer(layer.config[direction === "backward" ? "backward_layer" : "layer"] ?? layer.config["layer"]);
    } else if (holds === "cells") {
      const cells = stackedCells(layer.config);
      const counted = tokens[position - 1] === "cells";
      const index = counted ? countedCell(cells, token) : namedCell(cells, token);
      if (index === null && /^(stacked_rnn_cells(_\d+)?|cells?)$/.test(token)) continue;
      scope.push(index === null ? `${UNCOUNTED}${token}` : `cell_${index}`);
      layer = index === null ? null : (cells[index] ?? null);
    } else if (expectedWeights(layer) === null) {
      scope.push(token);
    }
  }
  return { scope, layer: unwrapped(layer) };
}

/** How many tokens the name of a wrapped layer of a user's class takes, which only some dialects write. */
function wrappedName(layer: InnerLayer, tokens: readonly string[]): number {
  const inner = unwrapped(layer);
  const name = inner?.config["name"];
  if (inner === layer || inner === null || expectedWeights(inner) !== null || typeof name !== "string") return 0;
  const { length } = name.split("/");
  return tokens.slice(0, length).join("/") === name ? length : 0;
}

function holdsOf({ className }: InnerLayer): LayerClass["holds"] {
  return LAYER_CLASSES.get(className)?.holds;
}

/** Through layers that hold one layer or cell, which add no name of their own. */
function unwrapped(layer: InnerLayer | null): InnerLayer | null {
  let inner = layer;
  while (inner !== null) {
    const key = holdsOf(inner);
    if (key !== "layer" && key !== "cell") break;
    inner = innerLayer(inner.config[key]);
  }
  return inner;
}

/** Which of stacked cells a name means: TF.js numbers them, Keras has their names. */
function namedCell(cells: readonly (InnerLayer | null)[], token: string): number | null {
  const number = /^cell_(\d+)$/.exec(canonicalScope(token))?.[1];
  const index = number === undefined ? cells.findIndex((cell) => cell?.config["name"] === token) : Number(number);
  return index >= 0 && index < cells.length ? index : null;
}

/** Keras' own format counts cells by class: `lstm_cell`, `lstm_cell_1`. */
function countedCell(cells: readonly (InnerLayer | null)[], token: string): number | null {
  const stem = token.replace(/_\d+$/, "");
  const count = stem === token ? 0 : Number(token.slice(stem.length + 1));
  const ofClass = cells.flatMap((cell, index) => (cell !== null && kerasStem(cell.className) === stem ? [index] : []));
  return ofClass[count] ?? null;
}

/** Marks cell names that only group the weights of one cell. */
const UNCOUNTED = "?";

/** Number the cells whose names are not in the configuration, in the order of their appearance. */
function withCellsCounted(weights: readonly OwnWeight[]): readonly OwnWeight[] {
  const cells = [...new Set(weights.flatMap(({ scope }) => scope.filter((name) => name.startsWith(UNCOUNTED))))];
  if (cells.length === 0) return weights;
  return weights.map(({ scope, name, stored }) => ({
    scope: scope.map((each) => (each.startsWith(UNCOUNTED) ? `cell_${cells.indexOf(each)}` : each)),
    name,
    stored,
  }));
}
