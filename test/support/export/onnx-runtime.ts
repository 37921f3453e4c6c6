import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { ONNX_FILES, ONNX_PROGRAM, measuredRows, type Measured, type OnnxRows } from '#export';
import type { ManifestContent } from '#contracts';
import { parseCsv } from '../../../prediction/server/http/csv.ts';
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

/** What ONNX Runtime makes of a graph, by the program that users are given; ONNX's own checker has passed the graph before. */
export function measureOnnx(onnx: Uint8Array, rows: OnnxRows, content: ManifestContent): Measured {
  const folder = mkdtempSync(path.join(os.tmpdir(), 'trainyard-onnx-'));
  const at = (name: keyof typeof ONNX_FILES): string => path.join(folder, ONNX_FILES[name]);
  try {
    writeFileSync(at('model'), onnx);
    writeFileSync(at('rows'), JSON.stringify(rows));
    writeFileSync(at('program'), ONNX_PROGRAM);
    execFileSync(python(), ['-c', CHECK, at('model')], { stdio: ['ignore', 'inherit', 'inherit'] });
    execFileSync(python(), [at('program')], { stdio: ['ignore', 'inherit', 'inherit'] });
    const { header, rows: lines } = parseCsv(readFileSync(at('measured'), 'utf8'), rows.rowCount + 1);
    return measuredRows(header, lines, content, rows.rowCount);
  } finally {
    rmSync(folder, { recursive: true });
  }
}
