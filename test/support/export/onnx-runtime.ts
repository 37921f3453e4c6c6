import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { pythonOf } from '../python.ts';

/** One release each, so that figures are the same everywhere; `onnx` has the checker. */
const PACKAGES = ['onnxruntime==1.32.0', 'onnx==1.23.2'];

const CHECK = `
import sys, onnx
onnx.checker.check_model(onnx.load(sys.argv[1]), full_check=True)
`;

const python = (): string => pythonOf('onnx-runtime', PACKAGES);

/** Installs ONNX Runtime where it is not. */
export const prepareOnnxRuntime = (): void => void python();

/**
 * What ONNX Runtime makes of a graph, by the program that users are given, as comma-separated text; ONNX's own checker has passed the graph before.
 *
 * @param files of a parity archive
 */
export function measureInOnnxRuntime(files: ReadonlyMap<string, Uint8Array>): string {
  const folder = mkdtempSync(path.join(os.tmpdir(), 'trainyard-onnx-'));
  try {
    for (const [name, bytes] of files) writeFileSync(path.join(folder, name), bytes);
    execFileSync(python(), ['-c', CHECK, path.join(folder, 'model.onnx')], { stdio: ['ignore', 'inherit', 'inherit'] });
    execFileSync(python(), [path.join(folder, 'measure.py')], { stdio: ['ignore', 'inherit', 'inherit'] });
    return readFileSync(path.join(folder, 'measured.csv'), 'utf8');
  } finally {
    rmSync(folder, { recursive: true });
  }
}
