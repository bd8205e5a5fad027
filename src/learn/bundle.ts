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

type Arrays = Readonly<Record<string, ArrayState>>;

/** The arrays of the members of an ensemble under one roof: `0.name`, `1.name`, ... */
export function joinMembers(members: readonly Arrays[]): Record<string, ArrayState> {
  return Object.fromEntries(members.flatMap((arrays, m) => Object.entries(arrays).map(([name, array]) => [`${m}.${name}`, array])));
}

/** The members' arrays again. @param count how many there are */
export function splitMembers(arrays: Arrays, count: number): Record<string, ArrayState>[] {
  return Array.from({ length: count }, (_, m) => {
    const prefix = `${m}.`;
    const own = Object.entries(arrays).filter(([name]) => name.startsWith(prefix));
    return Object.fromEntries(own.map(([name, array]) => [name.slice(prefix.length), array]));
  });
}
