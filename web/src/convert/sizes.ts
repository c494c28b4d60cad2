import type { ExportedValue } from "../../../src/export/export-model.ts";

import { make } from "./dom.ts";

/** Fields for the free sizes of inputs. */
export class SizeFields {
  readonly #box: HTMLElement;
  #fields: readonly (readonly [name: string, field: HTMLInputElement])[] = [];

  constructor(box: HTMLElement) {
    this.#box = box;
  }

  /**
   * Show a field for each free size.
   *
   * @param initial What a field holds at first; empty where it gives nothing.
   */
  show(inputs: readonly ExportedValue[], initial: (name: string) => number | null): void {
    const names = new Set(inputs.flatMap(({ dims }) => dims.filter((dim) => typeof dim === "string")));
    this.#fields = Array.from(names, (name, index) => {
      const id = `${this.#box.id}-${index}`;
      const field = make("input", { id, type: "number", min: "1", max: "65536", step: "1", inputmode: "numeric" });
      field.defaultValue = String(initial(name) ?? "");
      return [name, field];
    });
    this.#box.replaceChildren(
      ...this.#fields.map(([name, field]) =>
        make("p", {}, make("label", { for: field.id }, make("code", {}, name)), field),
      ),
    );
  }

  get isEmpty(): boolean {
    return this.#fields.length === 0;
  }

  /** Set sizes that were not typed in by hand. */
  suggest(sizes: Readonly<Record<string, number>>): void {
    for (const [name, field] of this.#fields) {
      const size = Object.hasOwn(sizes, name) ? sizes[name] : undefined;
      if (size !== undefined && field.value === field.defaultValue) {
        field.value = String(size);
        field.defaultValue = field.value;
      }
    }
  }

  /** Sizes of the fields that are filled. */
  read(): Record<string, number> {
    return Object.fromEntries(
      this.#fields.flatMap(([name, field]) => (field.value === "" ? [] : [[name, field.valueAsNumber]])),
    );
  }

  onChange(listener: () => void): void {
    this.#box.addEventListener("change", listener);
  }
}
