import { expect } from "vitest";

/** Named tolerances: a comparison says why it may differ, not by how much it happens to. */
export const exact = 0;
/** Rounding of double precision arithmetic done in another order. */
export const float64 = 1e-12;
/** Rounding of single precision arithmetic. */
export const float32 = 1e-5;

/** |got - want| <= relative * max(1, |want|): relative for large values, absolute below one. */
export function expectClose(got: number, want: number, relative: number, what = "value"): void {
  if (Object.is(got, want) || got === want) return;
  const distance = Math.abs(got - want) / Math.max(1, Math.abs(want));
  expect(distance, `${what}: got ${got}, want ${want}`).toBeLessThanOrEqual(relative);
}

export function expectAllClose(got: ArrayLike<number>, want: ArrayLike<number>, relative: number, what = "values"): void {
  expect(got.length, `${what}: length`).toBe(want.length);
  for (let i = 0; i < want.length; i++) expectClose(got[i], want[i], relative, `${what}[${i}]`);
}

/** A simulated estimate may miss the truth by k standard errors and no more. */
export function expectWithin(got: number, want: number, se: number, k: number, what = "estimate"): void {
  expect(Math.abs(got - want), `${what}: got ${got}, want ${want} +- ${k} x ${se}`).toBeLessThanOrEqual(k * se);
}
