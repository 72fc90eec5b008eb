/* The fused graph as ONNX: every kernel a local function of the nodes as read that it covers, so that other
 * compilers can take over what was grouped.
 *
 * - Functions stand in the domain "fusegen", named after their kernels; what a function reads, constants
 *   included, are its inputs. Nodes that no kernel covers (views that cost nothing) stand beside the calls.
 * - Each call and each function says in its metadata what the kernel is: "fusegen.pattern",
 *   "fusegen.catalogue", and where the catalogue would quantise: "fusegen.quantise.INPUT",
 *   ".RESIDUAL_INPUT", ".KEY", ".VALUE", ".OUTPUT", each a JSON array of names of tensors.
 * - Dimensions are those that were pinned; the weights are in the file.
 */
#ifndef FG_CODEGEN_FUNCTIONS_H
#define FG_CODEGEN_FUNCTIONS_H

#include "codegen/module.h"

/* read: the graph as read and inferred, from whose clone m was made. Writes the bytes of a model through
 * write. Raises FG_UNSUPPORTED for what ONNX files cannot hold (2 GB) or the writer does not write. */
void fg_emit_onnx(fg_graph *read, const fg_module *m, void (*write)(void *user, const char *data, size_t n),
                  void *user);

#endif
