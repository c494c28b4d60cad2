import type { Candidate } from "../../src/infer/recognize.ts";

interface Row {
  readonly item: HTMLLIElement;
  readonly fill: HTMLElement;
  readonly share: HTMLElement;
}

/** A bar for each label, in the labels' order. */
export class Bars {
  readonly #rows: ReadonlyMap<string, Row>;

  constructor(list: HTMLElement, labels: readonly string[]) {
    this.#rows = new Map(labels.map((label) => [label, makeRow(label)]));
    list.replaceChildren(...[...this.#rows.values()].map(({ item }) => item));
  }

  show(candidates: readonly Candidate[]): void {
    const [best] = candidates;
    for (const { label, probability } of candidates) {
      const row = this.#rows.get(label);
      if (row === undefined) continue;
      row.fill.style.width = `${100 * probability}%`;
      row.share.textContent = percent(probability);
      row.item.classList.toggle("best", label === best?.label);
    }
  }

  clear(): void {
    for (const { item, fill, share } of this.#rows.values()) {
      fill.style.width = "0";
      share.textContent = "";
      item.classList.remove("best");
    }
  }
}

export function percent(probability: number): string {
  return `${(100 * probability).toFixed(1)} %`;
}

function makeRow(label: string): Row {
  const item = document.createElement("li");
  const name = document.createElement("span");
  name.textContent = label;
  const track = document.createElement("span");
  track.className = "track";
  track.ariaHidden = "true";
  const fill = document.createElement("span");
  fill.className = "fill";
  track.append(fill);
  const share = document.createElement("span");
  share.className = "share";
  item.append(name, track, share);
  return { item, fill, share };
}
