/**
 * The C library's heaps of a program: it would make up to eight a processor, and keep what it has grown each to. Two are enough for the threads of
 * LightGBM, DuckDB and the app server's files; and what is larger than a MiB, which is most of the data, is given back to the system when it is
 * freed: by default that limit moves up to 32 MiB.
 *
 * @see man mallopt
 */
export const MALLOC_ENVIRONMENT = {
  MALLOC_ARENA_MAX: '2',
  MALLOC_MMAP_THRESHOLD_: '1048576',
  MALLOC_TRIM_THRESHOLD_: '1048576',
} as const;
