/**
 * Caps on what an untrusted encoder may ask for: generous against every encoder of a robot policy seen (ResNet-18 at
 * 640×480, ViT-B), small against what a few forged bytes can claim (84 bytes of ONNX can allocate 4.7 GB).
 */

/** A model file, and each file of weights beside it. ViT-B has 330 MB; the runtime's own memory ends at 4 GB. */
export const MAX_MODEL_BYTES = 2 ** 30;

/** Weights, in the file and beside it. */
export const MAX_WEIGHT_BYTES = 2 ** 30;

/** Nodes of the graph. ResNet-50 written out has 415, ViT-B about 1,500. */
export const MAX_NODES = 20_000;

/** Inputs, or outputs, of one node. A Concat of a DenseNet has 30. */
export const MAX_PORTS = 4096;

/** Fields of the protobuf message: each becomes an object or an array entry of the parsed form. */
export const MAX_FIELDS = 2_000_000;

/** Nesting of messages. A graph without subgraphs needs 7. */
export const MAX_NESTING = 16;

/** Entries of a name or a text; longer ones are shown cut. */
export const MAX_SHOWN = 60;

/** Axes of a tensor. Encoders have 6 at most, where they split images into patches. */
export const MAX_RANK = 16;

/** One tensor while the encoder runs. The largest of VGG-19, a weight, has 411 MB. */
export const MAX_TENSOR_BYTES = 512 * 2 ** 20;

/** Every tensor of one run together. They are not alive at once; this bounds the work as much as the memory. */
export const MAX_RUN_BYTES = 4 * 2 ** 30;

/** Rows for which tensors are sized: what `inspect` runs, and what a batch axis of unknown size counts as. */
export const PROBE_BATCH = 2;

/** Tensors of one run where the batch axis is open: more rows than fit are run in groups. */
export const GROUP_BYTES = 512 * 2 ** 20;
