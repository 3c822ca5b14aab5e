/**
 * Caps on what an untrusted dataset may ask for. They are generous against every real dataset seen and small against
 * what a few hundred forged bytes can claim (a 160 KB parquet file can declare 50 million rows).
 */

/** Paths in one drop. A v2 dataset of 10,000 episodes with three cameras has 40,000 files. */
export const MAX_FILES = 100_000;

/** Text of one meta file (info.json, episodes.jsonl); it is parsed in one piece. The largest seen is 0.5 MB. */
export const MAX_META_BYTES = 64 * 2 ** 20;

/** One parquet file is held whole while it is hashed and decoded, one at a time. LeRobot splits files at 100 MB. */
export const MAX_TABLE_BYTES = 2 ** 30;

/** Parquet footer. The largest seen is 0.1 MB; v3.0 episode tables with many statistics columns are the big ones. */
export const MAX_FOOTER_BYTES = 16 * 2 ** 20;

/** Nodes of a parquet schema, and columns of a table. */
export const MAX_SCHEMA_NODES = 10_000;

/** Nesting of thrift structs; parquet itself needs 6. Guards the stack of a recursive parser. */
export const MAX_THRIFT_DEPTH = 24;

/** Nesting of lists inside one value. Chunked matrices need 2. */
export const MAX_LIST_DEPTH = 4;

/** Frames of all tables together: 46 hours at 30 frames a second. */
export const MAX_ROWS = 5_000_000;

/**
 * Rows that one byte of file can hold. A frame row carries a time stamp and joint values that change from row to row;
 * real tables use 10 to 1,000 bytes a row, and the best compression of an idle robot stays under 8 rows a byte.
 */
export const MAX_ROWS_PER_BYTE = 8;

/** Values of one parquet page. Writers aim at 1 MB a page; only columns of one repeated value come near this. */
export const MAX_PAGE_VALUES = 16 * 2 ** 20;

/** Numbers of all columns together, as float64. */
export const MAX_DECODED_BYTES = 512 * 2 ** 20;

/** Warnings kept; a report longer than this is read by nobody. */
export const MAX_WARNINGS = 60;

/** One HDF5 or NumPy file is held whole while it is read. robomimic's own low-dimensional files stay below 0.2 GB. */
export const MAX_ARRAY_FILE_BYTES = 2 ** 30;

/**
 * Unpacked bytes that one byte of a file may stand for, beyond a floor that is harmless whatever the file's size.
 * Deflate packs constant data 1,000 to 1; columns of a real robot together stay far below 100.
 */
export const MAX_INFLATION = 100;
export const INFLATION_FLOOR_BYTES = 64 * 2 ** 20;

/** A column of more numbers a frame than this is a picture or a point cloud, and read only while there is room. */
export const WIDE_COLUMN = 4096;

/** Numbers of all wide columns together, as float64: 1,585 pictures of 84 × 84 × 3. */
export const MAX_WIDE_BYTES = 256 * 2 ** 20;

/** Groups and arrays of one HDF5 file. 5,000 demonstrations of 30 arrays are half of it. */
export const MAX_OBJECTS = 300_000;

/** Groups and links of one episode, which may lead to each other in more ways than there are bytes. */
export const MAX_EPISODE_OBJECTS = 10_000;

/** Columns of one episode. */
export const MAX_COLUMNS = 2000;

/** Groups inside an episode's group; robomimic has 1, ACT 2. */
export const MAX_GROUP_DEPTH = 4;

/** Text of one attribute: env_args and the like. MuJoCo models, the largest seen, have 0.1 MB and are not read. */
export const MAX_ATTRIBUTE_BYTES = 2 ** 20;
