import { moduleOf, type WasmFunction } from './assembler.ts';

/** What is used of WebAssembly's JavaScript interface; TypeScript declares it for browsers only. */
declare const WebAssembly: {
  readonly Memory: new (pages: { readonly initial: number; readonly maximum: number }) => WasmMemory;
  readonly Module: new (bytes: Uint8Array) => WasmModule;
  readonly Instance: new (module: WasmModule, imports: object) => { readonly exports: unknown };
};

/** A compiled module. */
export type WasmModule = object;

/** Memory that functions work on. */
export interface WasmMemory {
  readonly buffer: ArrayBuffer;
}

/** Functions over a memory of their own. */
export interface WasmInstance {
  readonly memory: WasmMemory;
  /** By name, as the module was made. */
  readonly exports: unknown;
}

const PAGE_BYTES = 65_536;

export const compileWasm = (functions: readonly WasmFunction[]): WasmModule =>
  new WebAssembly.Module(moduleOf(functions));

/**
 * The functions of a module over a memory of at least so many bytes, all 0.
 *
 * Without a maximum 4 GiB of addresses are reserved, which clusters that check virtual memory do not allow; with one that is all, where the
 * trap handler is disabled, as it is in task processes. Elsewhere each memory reserves 8 GiB of addresses, whatever its size.
 *
 * @throws RangeError where there is no memory, or are no addresses, for it
 */
export function instantiate(module: WasmModule, bytes: number): WasmInstance {
  const pages = Math.ceil(bytes / PAGE_BYTES);
  const memory = new WebAssembly.Memory({ initial: pages, maximum: pages });
  const { exports } = new WebAssembly.Instance(module, { env: { memory } });
  return { memory, exports };
}
