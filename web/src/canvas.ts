export type Context = CanvasRenderingContext2D | OffscreenCanvasRenderingContext2D;

export function contextOf(canvas: HTMLCanvasElement): CanvasRenderingContext2D;
export function contextOf(canvas: OffscreenCanvas): OffscreenCanvasRenderingContext2D;
export function contextOf(canvas: HTMLCanvasElement | OffscreenCanvas): Context {
  const context =
    canvas instanceof HTMLCanvasElement
      ? canvas.getContext("2d")
      : canvas.getContext("2d", { willReadFrequently: true });
  if (context === null) throw new Error("this browser draws no canvas");
  return context;
}

/**
 * Whether what is drawn can be read back. Where a browser protects against fingerprinting, some give every page white or
 * noise instead, others change a value a little, which is harmless.
 */
export function givesBackPixels(): boolean {
  const context = contextOf(new OffscreenCanvas(8, 8));
  context.fillStyle = "#fff";
  context.fillRect(0, 0, 8, 8);
  context.fillStyle = "#000";
  context.fillRect(4, 0, 4, 8);
  const { data } = context.getImageData(0, 0, 8, 8);
  return data.every((value, at) => at % 4 === 3 || value < 128 === at % 32 >= 16);
}
