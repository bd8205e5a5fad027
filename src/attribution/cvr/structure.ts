import { oneOf, usageError } from "../../base/errors.ts";

/** Attribution mechanisms whose labels a model may learn; `cartesian` is the class of all four together. */
export const mechanisms = ["last", "first", "linear", "mta"] as const;
export type Mechanism = (typeof mechanisms)[number];
export const heads = ["last", "first", "linear", "mta", "cartesian"] as const;
export type Head = (typeof heads)[number];

/** What a conversion model is built from. */
export interface Structure {
  /**
   * `one` - one expert for all heads; `shared` - two experts, mixed by a gate of each head (MMoE); `private` - one expert for all and one a
   * head, mixed by the head's gate (PLE); `gated` - private, with a feature gate before each expert and the private expert added once more (HoME).
   */
  readonly experts: "one" | "shared" | "private" | "gated";
  /** Whether the main tower takes the auxiliary towers' activations (NATAL). */
  readonly fusion: boolean;
  /** Whether there are auxiliary heads at all. */
  readonly auxiliaries: boolean;
}

export const structures: {
  readonly [name in "cvr-base" | "cvr-shared-bottom" | "cvr-mmoe" | "cvr-ple" | "cvr-home" | "natal" | "moae"]: Structure;
} = {
  "cvr-base": { experts: "one", fusion: false, auxiliaries: false },
  "cvr-shared-bottom": { experts: "one", fusion: false, auxiliaries: true },
  "cvr-mmoe": { experts: "shared", fusion: false, auxiliaries: true },
  "cvr-ple": { experts: "private", fusion: false, auxiliaries: true },
  "cvr-home": { experts: "gated", fusion: false, auxiliaries: true },
  natal: { experts: "one", fusion: true, auxiliaries: true },
  moae: { experts: "private", fusion: true, auxiliaries: true },
};

/** Classes of a head: 2, or 2^mechanisms for `cartesian`. */
export function classesOf(head: Head): number {
  return head === "cartesian" ? 2 ** mechanisms.length : 2;
}

/** The class of each row for `cartesian`: the sum over last, first, linear, mta of label * 2^i. */
export function cartesianClass(labels: Readonly<Record<Mechanism, ArrayLike<number>>>): Int32Array {
  const classes = new Int32Array(labels.last.length);
  mechanisms.forEach((mechanism, bit) => {
    for (let i = 0; i < classes.length; i++) if (labels[mechanism][i] > 0) classes[i] |= 1 << bit;
  });
  return classes;
}

/** @throws LiftwiseError (usage) for an auxiliary head that does not exist or is named twice */
export function checkAuxiliaries(auxiliaries: readonly string[]): asserts auxiliaries is readonly Head[] {
  auxiliaries.forEach((head, i) => {
    if (!(heads as readonly string[]).includes(head)) throw usageError(`auxiliaries: there is no mechanism "${head}"; the choice is ${oneOf(heads)}`);
    if (auxiliaries.indexOf(head) !== i) throw usageError(`auxiliaries: "${head}" is named twice; name each mechanism once`);
  });
}
