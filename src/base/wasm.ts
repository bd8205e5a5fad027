/**
 * A WebAssembly assembler for kernels: every function here returns the bytes of an expression or a statement, so a kernel reads like the
 * folded text format (`i32.add(get(a), i32.const(4))`). It knows what the kernels of this project use and nothing more.
 */
export type Code = readonly number[];

export const I32 = 0x7f;
export const I64 = 0x7e;
export const F64 = 0x7c;
export const V128 = 0x7b;
export type ValueType = typeof I32 | typeof I64 | typeof F64 | typeof V128;

/** Memory of the kernels, shared between threads or not; TypeScript itself knows WebAssembly only together with the browser. */
export interface WasmMemory<B extends ArrayBuffer | SharedArrayBuffer = SharedArrayBuffer> {
  readonly buffer: B;
  grow(pages: number): number;
}
export type WasmModule = object;
interface Runtime {
  readonly Memory: {
    new (limits: { initial: number; maximum: number; shared: true }): WasmMemory;
    new (limits: { initial: number; maximum: number }): WasmMemory<ArrayBuffer>;
  };
  readonly Module: new (bytes: Uint8Array) => WasmModule;
  readonly Instance: new (module: WasmModule, imports: { engine: { memory: WasmMemory<ArrayBuffer | SharedArrayBuffer> } }) => { readonly exports: object };
}
export const WebAssembly: Runtime = (globalThis as unknown as { WebAssembly: Runtime }).WebAssembly;

/** Index of a parameter or local. */
export type Local = number;

function unsigned(value: number): number[] {
  const bytes: number[] = [];
  let rest = value >>> 0;
  do {
    const low = rest & 0x7f;
    rest >>>= 7;
    bytes.push(rest === 0 ? low : low | 0x80);
  } while (rest !== 0);
  return bytes;
}

function signed(value: number): number[] {
  const bytes: number[] = [];
  let rest = value | 0;
  for (;;) {
    const low = rest & 0x7f;
    rest >>= 7;
    const done = (rest === 0 && (low & 0x40) === 0) || (rest === -1 && (low & 0x40) !== 0);
    bytes.push(done ? low : low | 0x80);
    if (done) return bytes;
  }
}

type Unary = (a: Code) => Code;
type Binary = (a: Code, b: Code) => Code;
type Load = (address: Code, offset?: number) => Code;
type Store = (address: Code, value: Code, offset?: number) => Code;

const unary =
  (...op: number[]): Unary =>
  (a) => [...a, ...op];
const binary =
  (...op: number[]): Binary =>
  (a, b) => [...a, ...b, ...op];
// The second byte of a memory access is the base-2 logarithm of its natural alignment.
const load =
  (align: number, ...op: number[]): Load =>
  (address, offset = 0) => [...address, ...op, align, ...unsigned(offset)];
const store =
  (align: number, ...op: number[]): Store =>
  (address, value, offset = 0) => [...address, ...value, ...op, align, ...unsigned(offset)];
const simd = (op: number): number[] => [0xfd, ...unsigned(op)];

export const get = (local: Local): Code => [0x20, ...unsigned(local)];
export const set = (local: Local, value: Code): Code => [...value, 0x21, ...unsigned(local)];
export const tee = (local: Local, value: Code): Code => [...value, 0x22, ...unsigned(local)];

/** Repeats `body` as long as `condition` holds after it: the body runs at least once. */
export const doWhile = (body: Code, condition: Code): Code => [0x03, 0x40, ...body, ...condition, 0x0d, 0, 0x0b];
/** Repeats `body` as long as `condition` holds before it. */
export const whileDo = (condition: Code, body: Code): Code => [0x02, 0x40, 0x03, 0x40, ...condition, 0x45, 0x0d, 1, ...body, 0x0c, 0, 0x0b, 0x0b];
export const when = (condition: Code, body: Code): Code => [...condition, 0x04, 0x40, ...body, 0x0b];
/** Both values are computed; the first is taken when the condition is not 0. */
export const select = (yes: Code, no: Code, condition: Code): Code => [...yes, ...no, ...condition, 0x1b];

export const i32: {
  readonly const: (value: number) => Code;
  readonly add: Binary;
  readonly sub: Binary;
  readonly mul: Binary;
  readonly and: Binary;
  readonly or: Binary;
  readonly ne: Binary;
  readonly gtU: Binary;
  readonly shl: Binary;
  readonly shrU: Binary;
  readonly ltU: Binary;
  /** Whole part of a floating number that is not negative. */
  readonly fromF64: Unary;
  readonly eqz: Unary;
  readonly load: Load;
  readonly load8: Load;
  readonly load16: Load;
  readonly store: Store;
  readonly store8: Store;
  readonly store16: Store;
} = {
  const: (value) => [0x41, ...signed(value)],
  add: binary(0x6a),
  sub: binary(0x6b),
  mul: binary(0x6c),
  and: binary(0x71),
  or: binary(0x72),
  ne: binary(0x47),
  gtU: binary(0x4b),
  shl: binary(0x74),
  shrU: binary(0x76),
  ltU: binary(0x49),
  fromF64: unary(0xab),
  eqz: unary(0x45),
  load: load(2, 0x28),
  load8: load(0, 0x2d),
  load16: load(1, 0x2f),
  store: store(2, 0x36),
  store8: store(0, 0x3a),
  store16: store(1, 0x3b),
};

export const i64: { readonly const: (value: number) => Code; readonly shl: Binary; readonly extendU: Unary; readonly load: Load; readonly store: Store } = {
  const: (value) => [0x42, ...signed(value)],
  shl: binary(0x86),
  extendU: unary(0xad),
  load: load(3, 0x29),
  store: store(3, 0x37),
};

export const f64: {
  readonly zero: Code;
  readonly sub: Binary;
  readonly mul: Binary;
  readonly div: Binary;
  readonly ge: Binary;
  readonly fromI32: Unary;
  readonly add: Binary;
  readonly max: Binary;
  readonly gt: Binary;
  readonly eq: Binary;
  readonly load: Load;
  readonly store: Store;
} = {
  zero: [0x44, 0, 0, 0, 0, 0, 0, 0, 0],
  sub: binary(0xa1),
  mul: binary(0xa2),
  div: binary(0xa3),
  ge: binary(0x66),
  fromI32: unary(0xb7),
  add: binary(0xa0),
  max: binary(0xa5),
  gt: binary(0x64),
  eq: binary(0x61),
  load: load(3, 0x2b),
  store: store(3, 0x39),
};

export const v128: {
  readonly load: Load;
  readonly store: Store;
  /** Two signed 32-bit numbers, widened to 64 bits each. */
  readonly load32x2: Load;
  readonly addF32x4: Binary;
  readonly addI64x2: Binary;
  readonly subI64x2: Binary;
  readonly zero: Code;
  /** The same number in both places, and a number in the first one. */
  readonly splatF64: Unary;
  readonly splatI32: Unary;
  readonly firstF64: Unary;
  readonly secondF64: Unary;
  readonly subF64x2: Binary;
  readonly mulF64x2: Binary;
  readonly maxF64x2: Binary;
  readonly absF64x2: Unary;
  readonly nearestF64x2: Unary;
  /** Two floating numbers as two 32-bit ones, in the low half. */
  readonly toI32x2: Unary;
  /** The 32-bit places of both operands in turn: a0 b0 a1 b1. */
  readonly interleaveI32: Binary;
  readonly replaceI64: (vector: Code, lane: 0 | 1, value: Code) => Code;
} = {
  load: load(4, ...simd(0x00)),
  store: store(4, ...simd(0x0b)),
  load32x2: load(3, ...simd(0x05)),
  addF32x4: binary(...simd(0xe4)),
  addI64x2: binary(...simd(0xce)),
  subI64x2: binary(...simd(0xd1)),
  zero: [...simd(0x0c), ...Array.from({ length: 16 }, () => 0)],
  splatI32: unary(...simd(0x11)),
  splatF64: unary(...simd(0x14)),
  firstF64: unary(...simd(0x21), 0),
  secondF64: unary(...simd(0x21), 1),
  subF64x2: binary(...simd(0xf1)),
  mulF64x2: binary(...simd(0xf2)),
  maxF64x2: binary(...simd(0xf5)),
  absF64x2: unary(...simd(0xec)),
  nearestF64x2: unary(...simd(0x94)),
  toI32x2: unary(...simd(0xfc)),
  interleaveI32: binary(...simd(0x0d), 0, 1, 2, 3, 16, 17, 18, 19, 4, 5, 6, 7, 20, 21, 22, 23),
  replaceI64: (vector, lane, value) => [...vector, ...value, ...simd(0x1e), lane],
};

export interface Kernel {
  readonly name: string;
  readonly params: readonly ValueType[];
  readonly result: ValueType | undefined;
  readonly locals: readonly ValueType[];
  readonly body: Code;
}

/** A function whose parameters (all i32 unless `types` says otherwise) and locals have names; its body leaves the result on the stack. */
export function kernel<P extends string, L extends string = never>(
  name: string,
  params: readonly P[],
  locals: Readonly<Record<L, ValueType>>,
  body: (local: Readonly<Record<P | L, Local>>) => readonly Code[],
  options: { readonly result?: ValueType; readonly types?: Readonly<Partial<Record<P, ValueType>>> } = {},
): Kernel {
  const names = [...params, ...(Object.keys(locals) as L[])];
  const index = Object.fromEntries(names.map((local, i) => [local, i])) as Record<P | L, Local>;
  return {
    name,
    params: params.map((param) => options.types?.[param] ?? I32),
    result: options.result,
    locals: Object.values(locals),
    body: body(index).flat(),
  };
}

const magic = [0x00, 0x61, 0x73, 0x6d, 0x01, 0x00, 0x00, 0x00];

/** The bytes of a module that exports these kernels and imports one memory as `"engine" "memory"`, shared between threads or not. */
export function assemble(kernels: readonly Kernel[], shared: boolean): Uint8Array<ArrayBuffer> {
  const list = (items: readonly Code[]): number[] => [...unsigned(items.length), ...items.flat()];
  const section = (id: number, items: readonly Code[]): number[] => {
    const bytes = list(items);
    return [id, ...unsigned(bytes.length), ...bytes];
  };
  const text = (value: string): number[] => [...unsigned(value.length), ...Array.from(value, (c) => c.charCodeAt(0))];
  const types = kernels.map(({ params, result }) => [0x60, ...list(params.map((t) => [t])), ...list(result === undefined ? [] : [[result]])]);
  const memory = [...text("engine"), ...text("memory"), 0x02, shared ? 0x03 : 0x01, ...unsigned(1), ...unsigned(65_536)];
  const bodies = kernels.map(({ locals, body }) => {
    const bytes = [...list(locals.map((type) => [1, type])), ...body, 0x0b];
    return [...unsigned(bytes.length), ...bytes];
  });
  return Uint8Array.from([
    ...magic,
    ...section(1, types),
    ...section(2, [memory]),
    ...section(
      3,
      kernels.map((_, i) => unsigned(i)),
    ),
    ...section(
      7,
      kernels.map(({ name }, i) => [...text(name), 0x00, ...unsigned(i)]),
    ),
    ...section(10, bodies),
  ]);
}
