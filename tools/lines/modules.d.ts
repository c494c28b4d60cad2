// What is used of this tool's own dependencies, which the rest of the project does without: types are checked whether or
// not they are installed.

declare module "@napi-rs/canvas" {
  interface TextMetrics {
    readonly width: number;
    readonly actualBoundingBoxAscent: number;
    readonly actualBoundingBoxDescent: number;
  }

  export interface Context {
    font: string;
    letterSpacing: string;
    wordSpacing: string;
    textBaseline: "alphabetic";
    fillStyle: string;
    strokeStyle: string;
    lineWidth: number;
    shadowColor: string;
    shadowOffsetX: number;
    shadowOffsetY: number;
    shadowBlur: number;
    measureText(text: string): TextMetrics;
    fillRect(x: number, y: number, width: number, height: number): void;
    fillText(text: string, x: number, y: number): void;
    strokeText(text: string, x: number, y: number): void;
    drawImage(image: Image, x: number, y: number): void;
    getImageData(x: number, y: number, width: number, height: number): { readonly data: Uint8ClampedArray };
  }

  export interface Image {
    readonly width: number;
    readonly height: number;
  }

  export interface Canvas {
    readonly width: number;
    readonly height: number;
    getContext(kind: "2d"): Context;
  }

  export function createCanvas(width: number, height: number): Canvas;

  export function loadImage(path: string): Promise<Image>;

  export const GlobalFonts: { registerFromPath(path: string, name: string): object | null };
}
