/** How training images are changed. Lengths are pixels, probabilities 0 to 1; what is left out is not done. */
export interface AugmentRecipe {
  /** Share of images that stay as they are. */
  readonly keep?: number;
  /** Largest turn to either side, in degrees, below 90. */
  readonly turn?: number;
  /** Largest lean to either side: columns moved for a row. */
  readonly shear?: number;
  /** Largest change of size, e.g. 0.2 for 1 / 1.2 to 1.2; width and height differ by up to half of that. */
  readonly scale?: number;
  /** Largest shift along each axis. */
  readonly shift?: number;
  /** Deviation of the nodes of a lattice by which the sheet is bent. */
  readonly elastic?: number;
  /** Share of images whose drawing is stretched into a square, as some collections store their digits. */
  readonly stretch?: number;
  /** Share of images whose strokes are made thicker or thinner. */
  readonly pen?: number;
  /** Share of images that pass through a coarse raster, in grey or in black and white, as small scans are. */
  readonly coarse?: number;
  /** Share of images that are blurred, hardened, or made paler. */
  readonly ink?: number;
  /** Share of images with noise: grain, specks, or a stroke's stump from a neighbour. */
  readonly noise?: number;
}
