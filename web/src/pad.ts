import { DataError } from "../../src/errors.ts";

import { contextOf, givesBackPixels, type Context } from "./canvas.ts";

/** Side of the square that strokes are kept in, in its own units. */
const SIDE = 320;
const PEN = 22;
/** Side of the picture of strokes that is read: few pixels are read fast. */
const READ_SIDE = 140;
/** How far one press of an arrow key moves the pen. */
const STEP = 16;

interface Point {
  readonly x: number;
  readonly y: number;
}

/** A drawing pad for mouse, pen, finger and keyboard. Strokes are kept as lines, so that the last can be taken back. */
export class Pad {
  readonly #canvas: HTMLCanvasElement;
  readonly #onDrawn: () => void;
  #strokes: Point[][] = [];
  #picture: ImageBitmap | undefined;
  #pointer: number | undefined;
  #cursor: Point = { x: SIDE / 2, y: SIDE / 4 };
  #penDown = false;
  #usesKeys = false;

  constructor(canvas: HTMLCanvasElement, onDrawn: () => void) {
    this.#canvas = canvas;
    this.#onDrawn = onDrawn;
    canvas.addEventListener("pointerdown", (event) => this.#press(event));
    canvas.addEventListener("pointermove", (event) => this.#drag(event));
    for (const end of ["pointerup", "pointercancel"] as const) {
      canvas.addEventListener(end, (event) => {
        if (event.pointerId === this.#pointer) this.#pointer = undefined;
      });
    }
    canvas.addEventListener("keydown", (event) => this.#key(event));
    canvas.addEventListener("blur", () => this.#liftPen());
    new ResizeObserver(() => this.#draw()).observe(canvas);
    for (const query of ["(prefers-color-scheme: dark)", "(forced-colors: active)"]) {
      matchMedia(query).addEventListener("change", () => this.#draw());
    }
  }

  get isEmpty(): boolean {
    return this.#strokes.length === 0 && this.#picture === undefined;
  }

  get hasPicture(): boolean {
    return this.#picture !== undefined;
  }

  clear(): void {
    this.#strokes = [];
    this.#hang(undefined);
    this.#liftPen();
    this.#changed();
  }

  undo(): void {
    if (this.#strokes.length > 0) this.#strokes.pop();
    else this.#hang(undefined);
    this.#liftPen();
    this.#changed();
  }

  /** Show a picture in place of what was drawn. */
  show(picture: ImageBitmap): void {
    this.#strokes = [];
    this.#hang(picture);
    this.#liftPen();
    this.#changed();
  }

  /**
   * What is to be read: the picture with strokes on it, else strokes in black on white; [H, W, 4].
   *
   * @throws {DataError} when the browser hides it from the page
   */
  image(): ImageData {
    if (!givesBackPixels()) {
      throw new DataError(
        "this browser hides from the page what is on its pad, as a protection against fingerprinting",
        {
          hint: "allow this page to read canvases, in the address bar or the browser's privacy settings, and draw again",
        },
      );
    }
    const picture = this.#picture;
    const width = picture?.width ?? READ_SIDE;
    const height = picture?.height ?? READ_SIDE;
    const context = contextOf(new OffscreenCanvas(width, height));
    if (picture === undefined) {
      context.fillStyle = "#fff";
      context.fillRect(0, 0, width, height);
    } else {
      context.drawImage(picture, 0, 0);
    }
    const side = Math.max(width, height);
    context.translate((width - side) / 2, (height - side) / 2);
    context.scale(side / SIDE, side / SIDE);
    trace(context, this.#strokes, "#000");
    return context.getImageData(0, 0, width, height);
  }

  #hang(picture: ImageBitmap | undefined): void {
    this.#picture?.close();
    this.#picture = picture;
  }

  #changed(): void {
    this.#draw();
    this.#onDrawn();
  }

  #press(event: PointerEvent): void {
    if (event.button !== 0 || this.#pointer !== undefined) return;
    this.#pointer = event.pointerId;
    this.#canvas.setPointerCapture(event.pointerId);
    this.#usesKeys = false;
    this.#penDown = false;
    this.#strokes.push([this.#place(event)]);
    this.#changed();
  }

  #drag(event: PointerEvent): void {
    if (event.pointerId !== this.#pointer) return;
    const stroke = this.#strokes.at(-1);
    const passed = event.getCoalescedEvents();
    for (const point of passed.length === 0 ? [event] : passed) stroke?.push(this.#place(point));
    this.#changed();
  }

  #place(event: PointerEvent): Point {
    const { left, top, width, height } = this.#canvas.getBoundingClientRect();
    return { x: ((event.clientX - left) / width) * SIDE, y: ((event.clientY - top) / height) * SIDE };
  }

  #key(event: KeyboardEvent): void {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const step = steps.get(event.key);
    if (step !== undefined) this.#move(step, event.shiftKey ? 2 : 1);
    else if (event.key === " ") this.#togglePen();
    else if (event.key === "Backspace") this.undo();
    else if (event.key === "Delete") this.clear();
    else return;
    event.preventDefault();
  }

  #move({ x, y }: Point, times: number): void {
    this.#usesKeys = true;
    const inside = (value: number): number => Math.min(SIDE, Math.max(0, value));
    this.#cursor = {
      x: inside(this.#cursor.x + x * STEP * times),
      y: inside(this.#cursor.y + y * STEP * times),
    };
    if (!this.#penDown) return this.#draw();
    this.#strokes.at(-1)?.push(this.#cursor);
    this.#changed();
  }

  #togglePen(): void {
    this.#usesKeys = true;
    this.#penDown = !this.#penDown;
    if (!this.#penDown) return this.#draw();
    this.#strokes.push([this.#cursor]);
    this.#changed();
  }

  #liftPen(): void {
    this.#penDown = false;
    this.#draw();
  }

  #draw(): void {
    const { width } = this.#canvas.getBoundingClientRect();
    const side = Math.max(1, Math.round(width * devicePixelRatio));
    if (this.#canvas.width !== side) this.#canvas.width = this.#canvas.height = side;
    const context = contextOf(this.#canvas);
    context.setTransform(1, 0, 0, 1, 0, 0);
    context.clearRect(0, 0, side, side);
    context.scale(side / SIDE, side / SIDE);
    const ink = getComputedStyle(this.#canvas).color;
    if (this.#picture !== undefined) drawInside(context, this.#picture);
    trace(context, this.#strokes, this.#picture === undefined ? ink : "#000");
    if (this.#usesKeys) drawCursor(context, this.#cursor, this.#penDown, ink);
  }
}

const steps: ReadonlyMap<string, Point> = new Map([
  ["ArrowLeft", { x: -1, y: 0 }],
  ["ArrowRight", { x: 1, y: 0 }],
  ["ArrowUp", { x: 0, y: -1 }],
  ["ArrowDown", { x: 0, y: 1 }],
]);

function trace(context: Context, strokes: readonly (readonly Point[])[], colour: string): void {
  context.strokeStyle = colour;
  context.lineWidth = PEN;
  context.lineCap = "round";
  context.lineJoin = "round";
  for (const [first, ...rest] of strokes) {
    if (first === undefined) continue;
    context.beginPath();
    context.moveTo(first.x, first.y);
    // A line of no length is the dot that a tap makes.
    for (const { x, y } of rest.length === 0 ? [first] : rest) context.lineTo(x, y);
    context.stroke();
  }
}

function drawInside(context: Context, picture: ImageBitmap): void {
  const scale = SIDE / Math.max(picture.width, picture.height);
  const [width, height] = [picture.width * scale, picture.height * scale];
  context.drawImage(picture, (SIDE - width) / 2, (SIDE - height) / 2, width, height);
}

function drawCursor(context: Context, { x, y }: Point, down: boolean, colour: string): void {
  context.strokeStyle = colour;
  context.lineWidth = down ? 5 : 2;
  context.beginPath();
  context.arc(x, y, PEN / 2 + 4, 0, 2 * Math.PI);
  context.stroke();
}
