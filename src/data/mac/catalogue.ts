import type { Rng } from "../../base/rng.ts";

/** Dimensions of taste. */
export const traits = 6;
export const categories = 120;
const prices = 10;
const creatives = 30;
/** Brands and shops are as many as the ads need: about a dozen ads of a brand, 60 of a shop. */
const brandsOf = (ads: number): number => Math.max(20, Math.round(ads / 12));
const shopsOf = (ads: number): number => Math.max(10, Math.round(ads / 60));

/** The ads on offer in a simulation. */
export interface Catalogue {
  /** What each ad has to offer, ads x traits. */
  readonly item: Float64Array;
  /** How well it sells to anyone, on the log scale. */
  readonly quality: Float64Array;
  readonly category: Int32Array;
  readonly brand: Int32Array;
  readonly price: Int32Array;
  readonly shop: Int32Array;
  readonly creative: Int32Array;
  /** An ad of this category mostly (8 of 10), popular ones more often. */
  pick(category: number, rng: Rng): number;
}

/** Traits and quality of an ad come from its category, its brand and itself, so that a rare ad can be known by its kind. */
export function drawAds(ads: number, rng: Rng): Catalogue {
  const normal = (n: number, deviation: number): Float64Array => Float64Array.from({ length: n }, () => deviation * rng.normal());
  const [brands, shops] = [brandsOf(ads), shopsOf(ads)];
  const ofCategory = normal(categories * traits, 0.5);
  const ofBrand = normal(brands * traits, 0.3);
  const [categoryQuality, brandQuality, shopQuality] = [normal(categories, 0.4), normal(brands, 0.5), normal(shops, 0.3)];
  const item = new Float64Array(ads * traits);
  const quality = new Float64Array(ads);
  const [category, brand, price, shop, creative] = [0, 1, 2, 3, 4].map(() => new Int32Array(ads));
  const byCategory: number[][] = Array.from({ length: categories }, () => []);
  for (let a = 0; a < ads; a++) {
    category[a] = rng.int(categories);
    brand[a] = Math.floor(brands * rng.float() ** 1.5);
    shop[a] = rng.int(shops);
    creative[a] = rng.int(creatives);
    quality[a] = categoryQuality[category[a]] + brandQuality[brand[a]] + shopQuality[shop[a]] + 0.5 * rng.normal();
    price[a] = Math.max(0, Math.min(prices - 1, Math.round(4.5 + 1.5 * rng.normal() - quality[a])));
    for (let k = 0; k < traits; k++) item[a * traits + k] = ofCategory[category[a] * traits + k] + ofBrand[brand[a] * traits + k] + 0.3 * rng.normal();
    byCategory[category[a]].push(a);
  }
  const pick = (wanted: number, draw: Rng): number => {
    const shelf = byCategory[draw.float() < 0.8 ? wanted : draw.int(categories)];
    return shelf.length === 0 ? draw.int(ads) : shelf[Math.floor(shelf.length * draw.float() ** 2)];
  };
  return { item, quality, category, brand, price, shop, creative, pick };
}

/** Number of indices of each ad field, index 0 (unknown, padding) included. */
export function adSizes(ads: number): readonly number[] {
  return [ads, categories, brandsOf(ads), prices, shopsOf(ads), creatives].map((count) => count + 1);
}

/** Cosine of two ads over the traits `from .. to - 1`, with the error of an encoder. */
export function likeness({ item }: Catalogue, a: number, b: number, from: number, to: number, rng: Rng): number {
  let [ab, aa, bb] = [0, 0, 0];
  for (let k = from; k < to; k++) {
    const [x, y] = [item[a * traits + k], item[b * traits + k]];
    ab += x * y;
    aa += x * x;
    bb += y * y;
  }
  return Math.max(-1, Math.min(1, ab / Math.sqrt(aa * bb) + 0.05 * (rng.float() - 0.5)));
}
