import {
  assemble,
  type Code,
  doWhile,
  F64,
  f64,
  get,
  I32,
  i32,
  i64,
  type Kernel,
  kernel,
  type Local,
  select,
  set,
  tee,
  V128,
  v128,
  type WasmMemory,
  type WasmModule,
  WebAssembly,
  when,
  whileDo,
} from "../../base/wasm.ts";

/*
 * The inner loops of growing trees. All addresses are bytes in the one shared memory; `rows` .. `end` is a list of 32-bit row numbers,
 * never empty. A record is what one row adds to a cell: two 32-bit numbers. A cell is two 64-bit sums: of the first numbers, and
 * of the second numbers plus `2^countShift` a row, so that its high bits count rows. Whole numbers make sums exact, so they come out the
 * same in any order and on any number of threads, and a child's histogram can be had by subtraction without rounding.
 */

/** Eight bytes a row, gathered from `values` in the order of `rows`. */
const gather = kernel("gather", ["rows", "end", "values", "out"], {}, (l) => [
  doWhile(
    [...i64.store(get(l.out), i64.load(at(l.values, i32.load(get(l.rows)), 3))), ...set(l.out, i32.add(get(l.out), i32.const(8)))],
    i32.ltU(tee(l.rows, i32.add(get(l.rows), i32.const(4))), get(l.end)),
  ),
]);

/** As `gather`, for arms: a record of 16 bytes, the third number being the arm's offset in a code's cells. */
const gatherArms = kernel("gatherArms", ["rows", "end", "values", "arms", "out"], { row: I32 }, (l) => [
  doWhile(
    [
      ...set(l.row, i32.load(get(l.rows))),
      ...i64.store(get(l.out), i64.load(at(l.values, get(l.row), 3))),
      ...i32.store(get(l.out), i32.shl(i32.load8(i32.add(get(l.arms), get(l.row))), i32.const(4)), 8),
      ...set(l.out, i32.add(get(l.out), i32.const(16))),
    ],
    i32.ltU(tee(l.rows, i32.add(get(l.rows), i32.const(4))), get(l.end)),
  ),
]);

/** base + (index << shift) */
function at(base: Local, index: Code, shift: number): Code {
  return i32.add(get(base), shift === 0 ? index : i32.shl(index, i32.const(shift)));
}

/**
 * Adds each row's record to the cell of its code, in `width` columns at once: the row number and the record are read once for all of them.
 * With arms, a code has `stride` bytes of cells, one cell an arm.
 */
function histogram(name: string, width: number, arms: boolean, wide: boolean): Kernel {
  const each = Array.from({ length: width }, (_, k) => k);
  const params = ["rows", "end", "records", "countShift", "stride", ...each.map((k) => `codes${k}`), ...each.map((k) => `cells${k}`)];
  return kernel(name, params, { row: I32, cell: I32, offset: I32, unit: V128, add: V128 } as Record<string, number> as never, (local) => {
    const l = local as Record<string, Local>;
    const one = (k: number): Code => {
      const code = wide ? i32.load16(at(l[`codes${k}`], get(l.row), 1)) : i32.load8(at(l[`codes${k}`], get(l.row), 0));
      const inColumn = arms ? i32.add(i32.mul(code, get(l.stride)), get(l.offset)) : i32.shl(code, i32.const(4));
      return [...set(l.cell, i32.add(get(l[`cells${k}`]), inColumn)), ...v128.store(get(l.cell), v128.addI64x2(v128.load(get(l.cell)), get(l.add)))];
    };
    return [
      set(l.unit, v128.replaceI64(v128.zero, 1, i64.shl(i64.const(1), i64.extendU(get(l.countShift))))),
      doWhile(
        [
          ...set(l.row, i32.load(get(l.rows))),
          ...set(l.add, v128.addI64x2(v128.load32x2(get(l.records)), get(l.unit))),
          ...(arms ? set(l.offset, i32.load(get(l.records), 8)) : []),
          ...set(l.records, i32.add(get(l.records), i32.const(arms ? 16 : 8))),
          ...each.flatMap(one),
        ],
        i32.ltU(tee(l.rows, i32.add(get(l.rows), i32.const(4))), get(l.end)),
      ),
    ];
  });
}

/** Adds (or takes away) `bytes` of cells, a multiple of 16. */
function combine(name: string, operation: (a: Code, b: Code) => Code): Kernel {
  return kernel(name, ["into", "from", "bytes"], { end: I32 }, (l) => [
    set(l.end, i32.add(get(l.into), get(l.bytes))),
    doWhile(
      [...v128.store(get(l.into), operation(v128.load(get(l.into)), v128.load(get(l.from)))), ...set(l.from, i32.add(get(l.from), i32.const(16)))],
      i32.ltU(tee(l.into, i32.add(get(l.into), i32.const(16))), get(l.end)),
    ),
  ]);
}

/**
 * Parts rows without a branch: those that go left are written upwards from `left`, the others downwards from below `right`; the result is the
 * end of the left part. A number goes left when `code - from < span` as unsigned; a category when its bit of `bits` is on.
 */
function partition(name: string, set_: boolean, wide: boolean): Kernel {
  const params = set_ ? (["rows", "end", "codes", "bits", "left", "right"] as const) : (["rows", "end", "codes", "from", "span", "left", "right"] as const);
  return kernel(
    name,
    params,
    { row: I32, code: I32, goesLeft: I32 },
    (local) => {
      const l = local as Record<string, Local>;
      const code = wide ? i32.load16(at(l.codes, get(l.row), 1)) : i32.load8(at(l.codes, get(l.row), 0));
      const test = set_
        ? i32.and(i32.shrU(i32.load(at(l.bits, i32.shrU(tee(l.code, code), i32.const(5)), 2)), i32.and(get(l.code), i32.const(31))), i32.const(1))
        : i32.ltU(i32.sub(code, get(l.from)), get(l.span));
      return [
        doWhile(
          [
            ...set(l.row, i32.load(get(l.rows))),
            ...i32.store(get(l.left), get(l.row)),
            ...i32.store(i32.sub(get(l.right), i32.const(4)), get(l.row)),
            ...set(l.goesLeft, i32.shl(test, i32.const(2))),
            ...set(l.left, i32.add(get(l.left), get(l.goesLeft))),
            ...set(l.right, i32.add(i32.sub(get(l.right), i32.const(4)), get(l.goesLeft))),
          ],
          i32.ltU(tee(l.rows, i32.add(get(l.rows), i32.const(4))), get(l.end)),
        ),
        get(l.left),
      ];
    },
    { result: I32 },
  );
}

/** Copies the 32-bit numbers in `from` .. `end`, last one first. */
const copyReversed = kernel("copyReversed", ["from", "end", "to"], {}, (l) => [
  doWhile(
    [...set(l.end, i32.sub(get(l.end), i32.const(4))), ...i32.store(get(l.to), i32.load(get(l.end))), ...set(l.to, i32.add(get(l.to), i32.const(4)))],
    i32.ltU(get(l.from), get(l.end)),
  ),
]);

/** Adds `amount` to the 64-bit floating numbers `rows` points at in `values`. */
const addTo = kernel(
  "addTo",
  ["rows", "end", "values", "amount"],
  { cell: I32 },
  (l) => [
    doWhile(
      [...set(l.cell, at(l.values, i32.load(get(l.rows)), 3)), ...f64.store(get(l.cell), f64.add(f64.load(get(l.cell)), get(l.amount)))],
      i32.ltU(tee(l.rows, i32.add(get(l.rows), i32.const(4))), get(l.end)),
    ),
  ],
  { types: { amount: F64 } },
);

/**
 * Records of the squared loss for an even number of rows: the residual `score - y` in units of 1 / perUnit, and the same curvature for all.
 * The result is the largest residual in size.
 */
const squaredRecords = kernel(
  "squaredRecords",
  ["y", "end", "score", "out", "curvature", "perUnit"],
  { residual: V128, most: V128, scale: V128, second: V128 },
  (l) => [
    set(l.scale, v128.splatF64(get(l.perUnit))),
    set(l.second, v128.splatI32(get(l.curvature))),
    doWhile(
      [
        ...set(l.residual, v128.subF64x2(v128.load(get(l.score)), v128.load(get(l.y)))),
        ...set(l.most, v128.maxF64x2(get(l.most), v128.absF64x2(get(l.residual)))),
        ...v128.store(get(l.out), v128.interleaveI32(v128.toI32x2(v128.nearestF64x2(v128.mulF64x2(get(l.residual), get(l.scale)))), get(l.second))),
        ...set(l.score, i32.add(get(l.score), i32.const(16))),
        ...set(l.out, i32.add(get(l.out), i32.const(16))),
      ],
      i32.ltU(tee(l.y, i32.add(get(l.y), i32.const(16))), get(l.end)),
    ),
    f64.max(v128.firstF64(get(l.most)), v128.secondF64(get(l.most))),
  ],
  { result: F64, types: { perUnit: F64 } },
);

/**
 * Codes of numbers: 1 + how many cuts lie below the value, 0 for NaN. The cuts are padded with infinities to 255 of them. A binary search
 * of 8 steps without a branch, so that the searches of neighbouring rows overlap.
 */
const encode = kernel("encode", ["values", "end", "cuts", "out"], { value: F64, place: I32 }, (l) => {
  const step = (bytes: number): Code =>
    set(l.place, i32.add(get(l.place), i32.shl(f64.gt(get(l.value), f64.load(get(l.place), bytes - 8)), i32.const(Math.log2(bytes)))));
  const code = i32.add(i32.shrU(i32.sub(get(l.place), get(l.cuts)), i32.const(3)), i32.const(1));
  return [
    doWhile(
      [
        ...set(l.value, f64.load(get(l.values))),
        ...set(l.place, get(l.cuts)),
        ...[1024, 512, 256, 128, 64, 32, 16, 8].flatMap(step),
        ...i32.store8(get(l.out), i32.mul(code, f64.eq(get(l.value), get(l.value)))),
        ...set(l.out, i32.add(get(l.out), i32.const(1))),
      ],
      i32.ltU(tee(l.values, i32.add(get(l.values), i32.const(8))), get(l.end)),
    ),
  ];
});

/** Words of what `cutFew` finds: worth (64 bits), place of the column, code (`restCode`: all that are not missing), missing rows left, rows left, any missing rows. */
export const fewFound = { worth: 0, column: 2, cut: 3, missingLeft: 4, leftRows: 5, missing: 6, words: 8 } as const;
export const restCode = 0xffffff;

/**
 * The best cut of a node of at most 255 rows over several columns of one byte a code: the rows are sorted by code, column by column, and
 * every cut between different codes is tried, with the missing rows (code 0) on either side, and against the rest. A cut is worth
 * S_left^2 / n_left + S_right^2 / n_right, with S the sums of the records' first numbers and n the rows; both sides need `minRows` rows and
 * `minSecond` of the records' second numbers. `columns` .. `columnsEnd` lists where the codes are; `keys` has room for the rows and one
 * word more. The result is 1 where a cut is worth more than `least`, and `out` is then as in `fewFound`.
 */
const cutFew = kernel(
  "cutFew",
  ["rows", "end", "columns", "columnsEnd", "records", "keys", "out", "total", "count", "second", "minRows", "minSecond", "least"],
  {
    column: I32,
    row: I32,
    index: I32,
    key: I32,
    place: I32,
    last: I32,
    first: I32,
    pass: I32,
    found: I32,
    sum0: F64,
    second0: F64,
    sum: F64,
    side: F64,
    n: F64,
    worth: F64,
  },
  (l) => {
    const record = i32.add(get(l.records), i32.shl(i32.and(get(l.key), i32.const(255)), i32.const(3)));
    const add = (into: Local, offset: number): Code => set(into, f64.add(get(into), f64.fromI32(i32.load(record, offset))));
    const next = set(l.place, i32.add(get(l.place), i32.const(4)));
    const code = i32.shrU(get(l.key), i32.const(8));
    const someMissing = i32.gtU(get(l.first), get(l.keys));
    const before = i32.load(i32.sub(get(l.place), i32.const(4)));
    const sort = [
      set(l.row, get(l.rows)),
      set(l.index, i32.const(0)),
      doWhile(
        [
          ...set(l.key, i32.or(i32.shl(i32.load8(i32.add(i32.load(get(l.column)), i32.load(get(l.row)))), i32.const(8)), get(l.index))),
          ...set(l.place, at(l.keys, get(l.index), 2)),
          ...whileDo(i32.and(i32.gtU(get(l.place), get(l.keys)), i32.gtU(before, get(l.key))), [
            ...i32.store(get(l.place), before),
            ...set(l.place, i32.sub(get(l.place), i32.const(4))),
          ]),
          ...i32.store(get(l.place), get(l.key)),
          ...set(l.index, i32.add(get(l.index), i32.const(1))),
        ],
        i32.ltU(tee(l.row, i32.add(get(l.row), i32.const(4))), get(l.end)),
      ),
      set(l.last, at(l.keys, get(l.index), 2)),
    ].flat();
    const isMissing = i32.and(i32.ltU(get(l.place), get(l.last)), i32.ltU(tee(l.key, i32.load(get(l.place))), i32.const(256)));
    const sumMissing = [
      set(l.place, get(l.keys)),
      set(l.sum0, f64.zero),
      set(l.second0, f64.zero),
      whileDo(isMissing, [...add(l.sum0, 0), ...add(l.second0, 4), ...next]),
      set(l.first, get(l.place)),
    ].flat();
    const rest = f64.sub(get(l.total), get(l.sum));
    const squares = f64.add(f64.div(f64.mul(get(l.sum), get(l.sum)), get(l.n)), f64.div(f64.mul(rest, rest), f64.sub(get(l.count), get(l.n))));
    const allowed = [
      f64.ge(get(l.n), get(l.minRows)),
      f64.ge(f64.sub(get(l.count), get(l.n)), get(l.minRows)),
      f64.ge(get(l.side), get(l.minSecond)),
      f64.ge(f64.sub(get(l.second), get(l.side)), get(l.minSecond)),
    ].reduce((all, one) => i32.and(all, one));
    const keep = [
      set(l.least, get(l.worth)),
      set(l.found, i32.const(1)),
      f64.store(get(l.out), get(l.worth)),
      i32.store(get(l.out), i32.shrU(i32.sub(get(l.column), get(l.columns)), i32.const(2)), 4 * fewFound.column),
      i32.store(get(l.out), select(code, i32.const(restCode), i32.ltU(get(l.place), get(l.last))), 4 * fewFound.cut),
      i32.store(get(l.out), get(l.pass), 4 * fewFound.missingLeft),
      i32.store(get(l.out), i32.fromF64(get(l.n)), 4 * fewFound.leftRows),
      i32.store(get(l.out), someMissing, 4 * fewFound.missing),
    ].flat();
    // Behind the last row lies the cut that sets the missing rows against the rest.
    const isCut = select(
      i32.ne(i32.shrU(i32.load(get(l.place)), i32.const(8)), code),
      i32.and(i32.eqz(get(l.pass)), someMissing),
      i32.ltU(get(l.place), get(l.last)),
    );
    const scan = doWhile(
      [
        set(l.key, i32.load(get(l.place))),
        add(l.sum, 0),
        add(l.side, 4),
        set(l.n, f64.add(get(l.n), f64.fromI32(i32.const(1)))),
        next,
        when(isCut, [...set(l.worth, squares), ...when(i32.and(f64.gt(get(l.worth), get(l.least)), allowed), keep)]),
      ].flat(),
      i32.ltU(get(l.place), get(l.last)),
    );
    const passes = doWhile(
      [
        set(l.place, get(l.first)),
        set(l.sum, select(get(l.sum0), f64.zero, get(l.pass))),
        set(l.side, select(get(l.second0), f64.zero, get(l.pass))),
        set(l.n, f64.fromI32(select(i32.shrU(i32.sub(get(l.first), get(l.keys)), i32.const(2)), i32.const(0), get(l.pass)))),
        scan,
        set(l.pass, i32.add(get(l.pass), i32.const(1))),
      ].flat(),
      i32.and(someMissing, i32.ltU(get(l.pass), i32.const(2))),
    );
    return [
      set(l.column, get(l.columns)),
      doWhile(
        [...sort, ...sumMissing, ...set(l.pass, i32.const(0)), ...when(i32.ltU(get(l.first), get(l.last)), passes)],
        i32.ltU(tee(l.column, i32.add(get(l.column), i32.const(4))), get(l.columnsEnd)),
      ),
      get(l.found),
    ];
  },
  { result: I32, types: { total: F64, count: F64, second: F64, minRows: F64, minSecond: F64, least: F64 } },
);

const kernels: readonly Kernel[] = [
  gather,
  gatherArms,
  histogram("histogram4", 4, false, false),
  histogram("histogram1", 1, false, false),
  histogram("histogramWide", 1, false, true),
  histogram("histogramArms4", 4, true, false),
  histogram("histogramArms1", 1, true, false),
  histogram("histogramArmsWide", 1, true, true),
  combine("addCells", v128.addI64x2),
  combine("subtractCells", v128.subI64x2),
  partition("partition", false, false),
  partition("partitionWide", false, true),
  partition("partitionSet", true, false),
  partition("partitionSetWide", true, true),
  copyReversed,
  addTo,
  squaredRecords,
  encode,
  cutFew,
];

type Numbers = (...args: number[]) => void;

/** The kernels as functions; see their sources above for what each argument is. */
export interface Kernels {
  readonly gather: Numbers;
  readonly gatherArms: Numbers;
  readonly histogram4: Numbers;
  readonly histogram1: Numbers;
  readonly histogramWide: Numbers;
  readonly histogramArms4: Numbers;
  readonly histogramArms1: Numbers;
  readonly histogramArmsWide: Numbers;
  readonly addCells: Numbers;
  readonly subtractCells: Numbers;
  readonly partition: (...args: number[]) => number;
  readonly partitionWide: (...args: number[]) => number;
  readonly partitionSet: (...args: number[]) => number;
  readonly partitionSetWide: (...args: number[]) => number;
  readonly copyReversed: Numbers;
  readonly addTo: Numbers;
  readonly squaredRecords: (...args: number[]) => number;
  readonly encode: Numbers;
  readonly cutFew: (...args: number[]) => number;
}

let compiled: WasmModule | undefined;

/** The module, compiled once a process; workers are sent it and share its machine code. */
export function kernelModule(): WasmModule {
  compiled ??= new WebAssembly.Module(assemble(kernels, true));
  return compiled;
}

export function kernelsOn(memory: WasmMemory, module: WasmModule = kernelModule()): Kernels {
  return new WebAssembly.Instance(module, { engine: { memory } }).exports as unknown as Kernels;
}
