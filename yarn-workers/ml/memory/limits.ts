import { CHUNK_BYTES } from '../fit/binned/chunk-layout.ts';

export const MIB = 1024 ** 2;

/** The program, its engines and what it compiles: a task's process before it reads anything has this. */
export const PROGRAM_BYTES = 150 * MIB;
/** Pages that are free again and not given back: of the JavaScript heap, and of what native code allocates. */
export const RETAINED_BYTES = 64 * MIB;
/** What reading takes: DuckDB's buffers, a piece ahead, decoded batches. */
export const READING_BYTES = 125 * MIB;
/** A table takes no more to be read than so many times what is read of it. */
export const READING_OF_CELLS = 2;
/** What is decoded of a cell that is kept. */
export const CELL_BYTES = 8;
/** Decoded columns that a worker keeps, as it is configured by default. */
export const CACHE_BYTES = 512 * MIB;

/** A text, beside its place: characters are not known beforehand. */
export const TEXT_CELL_BYTES = 232;

/** A level of a category while features are surveyed: its text, its codes in reads and what is counted of it, and half as much garbage. */
export const LEVEL_BYTES = 400;
/** A term of a text that is counted, in one analysis. */
export const TERM_BYTES = 300;
/** Different terms of a text, as a guess. */
export const TERMS_OF_TEXT = 12;
/** Characters of a term and what follows it, as a guess. */
export const TERM_CHARACTERS = 6;
/** A term of a row, and what more it takes while members' texts are fitted. */
export const CORPUS_ENTRY_BYTES = 6;
export const FITTED_ENTRY_BYTES = 8;
/** A row whose terms are held: where those of each of its texts are. */
export const CORPUS_ROW_BYTES = 5;
/** A row of the table: its place among those that are held. */
export const PLACED_ROW_BYTES = 0.25;
/**
 * A row that trains, beside its values: its label here and in the engine, gradients and their order, score, place in the tree that grows, and in
 * what its leaves are parted through. Of 5 to 50 million rows 20 was 5 bytes a row of the table too few.
 */
export const TRAINING_ROW_BYTES = 28;
export const TRAINING_OUTPUT_BYTES = 24;
/** A bin of a leaf's histogram: sums of gradients and of second derivatives. */
export const HISTOGRAM_BIN_BYTES = 16;
/** A row that validates, beside its values: label and score. */
export const VALIDATION_ROW_BYTES = 4;
/** Chunks of bins that are read ahead, or filled and written. */
export const CHUNKS_BYTES = 3 * CHUNK_BYTES;
/** A row that is predicted: number, part, class or value; of each output the prediction. As they are in a file. */
export const HELD_BACK_ROW_BYTES = 13;
export const HELD_BACK_WEIGHT_BYTES = 8;
export const HELD_BACK_OUTPUT_BYTES = 8;
/** A row of the blocks that are made of them, one after the other: what a file has of it but predictions, and as much garbage. */
export const HELD_BACK_BLOCK_ROW_BYTES = 4 * (HELD_BACK_ROW_BYTES + HELD_BACK_WEIGHT_BYTES);
/** A row of the part that is scored at once, beside a copy of its predictions: its place and class, its order, sums of tied rows. */
export const SCORED_PART_ROW_BYTES = 90;
/** Where they are too many for that: histograms of scores, and a block. */
export const SCORED_BLOCKS_BYTES = 72 * MIB;
/** A block of predictions of a model that is blended: 131,072 numbers and what belongs to them, as they are read and as raw scores. */
export const BLENDED_BLOCK_BYTES = 5 * MIB;
/** Manifest, steps and what is compiled of a model, beside its arrays. */
export const OPENED_BYTES = 32 * MIB;
/** An artefact of which nothing is known. */
export const UNKNOWN_ARTIFACT_BYTES = 64 * MIB;
/** Cells of encoded rows, probabilities and texts that an insight has at most. */
export const INSIGHT_SAMPLE_BYTES = 256 * MIB;
/** Rows of a batch as they are read, encoded, predicted and written. */
export const BATCH_BYTES = 96 * MIB;
/** What training statistics are made from. */
export const STATISTICS_CELL_BYTES = 8;
/** Other engines hold a matrix of bounded size, and as much again while they work on it. */
export const MATRIX_COPIES = 2;
/**
 * What passes over rows hold of each coefficient: its value now, before and next, two sums of all rows, of the rows at hand and of a part of
 * the others, and both parts of the tilt; some of them twice while they are made.
 */
export const COEFFICIENT_COPIES = 16;
/** What is found of a column of numbers; of one of texts or categories, as a guess, since their levels are not known beforehand. */
export const PROFILED_NUMBERS_BYTES = 1 * MIB;
export const PROFILED_TEXTS_BYTES = 10 * MIB;
