import { ENGINE_COLUMN, ROW_COLUMN } from './measured.ts';

/** Files of a graph's parity archive. */
export const ONNX_FILES = {
  model: 'model.onnx',
  rows: 'rows.json',
  program: 'measure.py',
  measured: 'measured.csv',
} as const;

/** A Python program that predicts the rows in ONNX Runtime, on one core, and writes what a database would answer. */
export const ONNX_PROGRAM = `"""Predicts ${ONNX_FILES.rows} by ${ONNX_FILES.model} in ONNX Runtime and writes ${ONNX_FILES.measured}. Needs: pip install onnxruntime"""

import csv
import json
import pathlib

import numpy
import onnxruntime

FOLDER = pathlib.Path(__file__).parent


def tensor(column):
    kind = numpy.float64 if column["type"] == "double" else object
    values = [float(value) for value in column["values"]] if column["type"] == "double" else column["values"]
    return numpy.array(values, dtype=kind).reshape(-1, 1)


options = onnxruntime.SessionOptions()
options.intra_op_num_threads = 1
session = onnxruntime.InferenceSession((FOLDER / "${ONNX_FILES.model}").read_bytes(), options, providers=["CPUExecutionProvider"])
classes = json.loads(session.get_modelmeta().custom_metadata_map["classes"])
rows = json.loads((FOLDER / "${ONNX_FILES.rows}").read_text(encoding="utf-8"))
answers = session.run(None, {column["name"]: tensor(column) for column in rows["inputs"]})
engine = f"ONNX Runtime {onnxruntime.__version__}"
with open(FOLDER / "${ONNX_FILES.measured}", "w", encoding="utf-8", newline="") as file:
    writer = csv.writer(file)
    writer.writerow(["${ROW_COLUMN}", "prediction", *(f"probability_{label}" for label in classes), "${ENGINE_COLUMN}"])
    for row in range(rows["rowCount"]):
        prediction = answers[0][row][0]
        prediction = prediction if classes else repr(float(prediction))
        writer.writerow([row, prediction, *(repr(float(answers[1][row][at])) for at in range(len(classes))), engine])
`;
