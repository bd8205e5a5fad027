import type { ArrayState, Json, State } from "../base/state.ts";

/** Several states as one: the JSON by name, the arrays under `name/`. */
export function bundle(parts: Readonly<Record<string, State>>): State {
  const arrays: Record<string, ArrayState> = {};
  const json: Record<string, Json> = {};
  for (const [name, part] of Object.entries(parts)) {
    json[name] = part.json;
    for (const [key, array] of Object.entries(part.arrays)) arrays[`${name}/${key}`] = array;
  }
  return { json, arrays };
}

/** The part of a bundle with this name. @throws Error when the bundle has no such part */
export function unbundle(state: State, name: string): State {
  const parts = state.json as Readonly<Record<string, Json>>;
  if (parts?.[name] === undefined) throw new Error(`the state has no part "${name}"`);
  const prefix = `${name}/`;
  const own = Object.entries(state.arrays).filter(([key]) => key.startsWith(prefix));
  return { json: parts[name], arrays: Object.fromEntries(own.map(([key, array]) => [key.slice(prefix.length), array])) };
}
