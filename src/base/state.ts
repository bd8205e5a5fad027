/** Plain JSON. */
export type Json = null | boolean | number | string | readonly Json[] | { readonly [key: string]: Json };

export interface ArrayState {
  readonly shape: readonly number[];
  readonly data: Float32Array | Float64Array | Int32Array | Uint8Array;
}

/** All a fitted thing is, as plain JSON and named arrays. */
export interface State {
  readonly json: Json;
  readonly arrays: Readonly<Record<string, ArrayState>>;
}
