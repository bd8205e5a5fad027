import { argsortDescending } from "../base/stats/sort.ts";
import type { Column } from "../data/schema.ts";

/**
 * An order of the rows that depends on what they hold and not on where they stand: by a hash of the row. Trained in this order, a model is
 * the same however the file was sorted; rows that are equal in every column stand side by side. It says nothing about any one column, so
 * it is as good as a shuffle.
 * @param weight row weights: they order rows that are otherwise equal, so that equal weights order nothing
 */
export function contentOrder(columns: readonly Column[], rows: number, weight?: Float64Array): Uint32Array {
  const a = new Uint32Array(rows);
  const b = new Uint32Array(rows);
  const add = (row: number, low: number, high: number): void => {
    const h = scramble(a[row] ^ low);
    a[row] = scramble(h + high);
    b[row] = scramble(b[row] + Math.imul(h, 0x9e3779b1));
  };
  const word = new Float64Array(1);
  const bits = new Uint32Array(word.buffer);
  const addNumber = (row: number, value: number): void => {
    // -0 is 0, and there is one NaN.
    word[0] = Number.isNaN(value) ? Number.NaN : value + 0;
    add(row, bits[0], bits[1]);
  };
  for (const column of columns) {
    if (column.kind === "number") {
      for (let i = 0; i < rows; i++) addNumber(i, column.values[i]);
    } else if (column.kind === "category") {
      const names = column.levels.map(hashText);
      for (let i = 0; i < rows; i++) add(i, column.codes[i] < 0 ? 0 : names[column.codes[i]], 1);
    } else {
      for (let i = 0; i < rows; i++) {
        for (let k = column.offsets[i]; k < column.offsets[i + 1]; k++) addNumber(i, column.values[k]);
        add(i, column.offsets[i + 1] - column.offsets[i], 2);
      }
    }
  }
  const byWeight = weight === undefined ? undefined : argsortDescending(weight);
  const key = new Float64Array(rows);
  for (let k = 0; k < rows; k++) {
    const i = byWeight === undefined ? k : byWeight[k];
    key[k] = a[i] * 2097152 + (b[i] >>> 11);
  }
  const order = argsortDescending(key);
  return byWeight === undefined ? order : order.map((k) => byWeight[k]);
}

function hashText(text: string): number {
  let h = 0x811c9dc5;
  for (let i = 0; i < text.length; i++) h = scramble(h ^ text.charCodeAt(i));
  return h >>> 0;
}

function scramble(x: number): number {
  let h = (x + 0x9e3779b9) | 0;
  h = Math.imul(h ^ (h >>> 16), 0x21f0aaad);
  h = Math.imul(h ^ (h >>> 15), 0x735a2d97);
  return (h ^ (h >>> 15)) >>> 0;
}
