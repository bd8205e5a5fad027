import type { NumpyArray } from "../../../src/data/npz.ts";

/** Our name of a weight of the official implementation, and how its array becomes ours. Linear weights there are out x in. */
export function ourWeights(
  official: Readonly<Record<string, NumpyArray>>,
  model: string,
  auxiliaries: readonly string[],
): Map<string, { readonly from: string; readonly array: NumpyArray }> {
  const ours = new Map<string, { from: string; array: NumpyArray }>();
  const put = (name: string, from: string, array: NumpyArray | undefined): void => {
    if (array === undefined) throw new Error(`no weight ${from}`);
    ours.set(name, { from, array });
  };
  const dense = (name: string, from: string, names = ["w", "b"]): void => {
    put(`${name}.${names[0]}`, `${from}.weight`, transposed(official[`w/${from}.weight`]));
    if (official[`w/${from}.bias`] !== undefined) put(`${name}.${names[1]}`, `${from}.bias`, official[`w/${from}.bias`]);
  };
  for (const key of Object.keys(official)) {
    const table = /^w\/(EmbeddingTable\.embs_table\.(\w+)\.weight)$/.exec(key);
    if (table !== null) put(`trunk.tables.${table[2]}.table`, table[1], official[key]);
  }
  for (let s = 0; s < 3; s++) {
    dense(`trunk.queries.${s}`, `FC.queryproj${s}`);
    const p = `CrossAtten.${s}.cross_attn`;
    const width = official[`w/${p}.out_proj.bias`].shape[0];
    ["query", "key", "value"].forEach((part, k) => {
      const all = official[`w/${p}.in_proj_weight`].values.subarray(k * width * width, (k + 1) * width * width);
      put(`trunk.readers.${s}.${part}.w`, `${p}.in_proj_weight`, transposed({ shape: [width, width], values: all }));
      put(`trunk.readers.${s}.${part}.b`, `${p}.in_proj_bias`, {
        shape: [width],
        values: official[`w/${p}.in_proj_bias`].values.subarray(k * width, (k + 1) * width),
      });
    });
    dense(`trunk.readers.${s}.out`, `${p}.out_proj`);
  }
  for (const [ours, from] of [
    ["mm_feat0_seq", "DeepSetPic"],
    ["mm_feat1_seq", "DeepSetText"],
  ]) {
    const { values } = official[`w/${from}.bin_embs`];
    put(`trunk.similarity.${ours}`, `${from}.bin_embs`, { shape: [values.length], values });
  }
  put("trunk.norm.scale", "fused_norm.weight", official["w/fused_norm.weight"]);
  put("trunk.norm.shift", "fused_norm.bias", official["w/fused_norm.bias"]);

  const expert = (name: string, from: string): void => {
    dense(`${name}.weigh.down`, `EXPERT.${from}.senet.fc.0`);
    dense(`${name}.weigh.up`, `EXPERT.${from}.senet.fc.2`);
    dense(`${name}.dense`, `EXPERT.${from}.fc1`);
  };
  const heads = ["last", ...auxiliaries];
  const mixed = { MMoE: "mmoe", PLE: "ple", MoAE: "ple", HoME: "home" }[model];
  if (mixed === undefined) expert("experts.expert", "expert");
  if (mixed === "mmoe") for (const k of [0, 1]) expert(`experts.experts.${k}`, `expert${k}`);
  if (mixed === "ple") {
    expert("experts.shared.0", "expert0");
    heads.forEach((head, i) => expert(`experts.own.${i}.0`, `expert${head}0`));
  }
  if (mixed === "home") {
    ["public0", ...heads.map((head) => `private${head}0`)].forEach((gate, i) => {
      dense(`experts.experts.${i}.filter.down`, `FEAGATE.${gate}.lora_A`);
      dense(`experts.experts.${i}.filter.up`, `FEAGATE.${gate}.lora_B`);
    });
    ["expert0", ...heads.map((head) => `expert${head}0`)].forEach((from, i) => expert(`experts.experts.${i}.expert`, from));
  }
  if (mixed !== undefined) heads.forEach((head, i) => dense(`experts.gates.${i}`, `FC.${head}gate`));

  heads.forEach((head, i) => {
    const tower = i === 0 ? "towers.main" : `towers.auxiliary-${head}`;
    for (const l of [0, 1, 2]) dense(`${tower}.${l}`, `FC.${head}fc${l + 2}`);
    dense(`${tower}.out`, `FC.${head}fc5`);
  });
  if (model === "NATAL" || model === "MoAE") for (const l of [0, 1, 2]) dense(`fusion.${l}`, `FC.fusion${l + 2}`);
  return ours;
}

export function transposed({ shape: [rows, columns], values }: NumpyArray): NumpyArray {
  const out = new Float64Array(values.length);
  for (let i = 0; i < rows; i++) for (let j = 0; j < columns; j++) out[j * rows + i] = values[i * columns + j];
  return { shape: [columns, rows], values: out };
}
