#include "cuda/solve.cuh"

#include <algorithm>

#include "cuda/launch.h"
#include "cuda/solve_kernel.cuh"
#include "cuda/solve_strip_kernel.cuh"

namespace hqq::cuda {
namespace {

int64_t ceil_div(int64_t a, int64_t b) { return (a + b - 1) / b; }

/// One kernel over a range of groups, and how many error slots it fills.
struct Part {
  enum class Kind { rows, columns, strips } kind = Kind::rows;
  int64_t first = 0, count = 0;  // groups
  StripShape shape = StripShape::row;
  int64_t slots = 0;
};

/// Lanes per group of the register kernels; 0 when the size has none.
int row_threads(int64_t group_size) {
  switch (group_size) {
    case 8:
    case 16:
    case 32:
    case 64: return 1;
    case 128: return 2;
    case 256: return 4;
    case 512:
    case 1024:
    case 2048:
    case 4096: return 32;
    default: return 0;
  }
}

bool has_column_kernel(int64_t group_size) {
  return group_size == 8 || group_size == 16 || group_size == 32 || group_size == 64 || group_size == 128;
}

int64_t warps_for(int64_t groups, int threads) {
  return ceil_div(groups * threads, kSolveThreads) * (kSolveThreads / 32);
}

struct Parts {
  Part part[2];
  int count = 0;
  void add(const Part& more) {
    if (more.count > 0) part[count++] = more;
  }
};

Parts parts_of(const GroupedWeights& weights) {
  Parts parts;
  const int64_t groups = weights.groups, size = weights.group_size;
  if (weights.contiguous) {
    const int threads = row_threads(size);
    if (threads != 0) {
      parts.add({Part::Kind::rows, 0, groups, StripShape::row, warps_for(groups, threads)});
    } else {
      parts.add({Part::Kind::strips, 0, groups, size < 8 ? StripShape::quad_columns : StripShape::row, groups});
    }
    return parts;
  }
  // PyTorch sums 32 columns at a time row after row, and what is left over four rows at a time.
  const int64_t plain = groups >= 8 ? groups / 32 * 32 : groups / 4 * 4, rest = groups - plain;
  if (has_column_kernel(size)) {
    parts.add({Part::Kind::columns, 0, plain, StripShape::columns, warps_for(plain, 1)});
  } else {
    parts.add({Part::Kind::strips, 0, plain, StripShape::columns, ceil_div(plain, 32)});
  }
  parts.add({Part::Kind::strips, plain, rest, StripShape::quad_columns, ceil_div(rest, 8)});
  return parts;
}

template <typename Weight, typename Group>
void launch_groups(const SolveArgs& args, cudaStream_t stream) {
  const int64_t blocks = ceil_div(args.count * Group::kThreads, kSolveThreads);
  launch(solve_groups<Weight, Group>, {blocks, kSolveThreads}, stream, args);
}

template <typename Weight>
void launch_rows(const SolveArgs& args, cudaStream_t stream) {
  switch (args.weights.group_size) {
    case 8: return launch_groups<Weight, RowGroup<8, 1>>(args, stream);
    case 16: return launch_groups<Weight, RowGroup<16, 1>>(args, stream);
    case 32: return launch_groups<Weight, RowGroup<32, 1>>(args, stream);
    case 64: return launch_groups<Weight, RowGroup<64, 1>>(args, stream);
    case 128: return launch_groups<Weight, RowGroup<128, 2>>(args, stream);
    case 256: return launch_groups<Weight, RowGroup<256, 4>>(args, stream);
    case 512: return launch_groups<Weight, RowGroup<512, 32>>(args, stream);
    case 1024: return launch_groups<Weight, RowGroup<1024, 32>>(args, stream);
    case 2048: return launch_groups<Weight, RowGroup<2048, 32>>(args, stream);
    case 4096: return launch_groups<Weight, RowGroup<4096, 32>>(args, stream);
    default: break;
  }
}

template <typename Weight>
void launch_columns(const SolveArgs& args, cudaStream_t stream) {
  switch (args.weights.group_size) {
    case 8: return launch_groups<Weight, ColumnGroup<8>>(args, stream);
    case 16: return launch_groups<Weight, ColumnGroup<16>>(args, stream);
    case 32: return launch_groups<Weight, ColumnGroup<32>>(args, stream);
    case 64: return launch_groups<Weight, ColumnGroup<64>>(args, stream);
    case 128: return launch_groups<Weight, ColumnGroup<128>>(args, stream);
    default: break;
  }
}

template <typename Weight>
void launch_strips(const SolveArgs& solve, const Part& part, int64_t slot, cudaStream_t stream) {
  const int64_t size = solve.weights.group_size;
  StripArgs args;
  args.solve = solve;
  args.shape = part.shape;
  args.group_size = size;
  args.slot = slot;
  args.cols = solve.weights.contiguous ? 1 : solve.weights.cols;
  args.group_stride = solve.weights.contiguous ? size : 1;
  args.strip_stride = size;
  args.rows = part.shape == StripShape::row ? size / 32 : part.shape == StripShape::columns ? size : size / 4;
  int64_t log_rows = 0;
  while ((int64_t{1} << log_rows) < args.rows) ++log_rows;
  args.log_block = static_cast<int>(std::max<int64_t>(4, log_rows / 4));
  args.unit_rows = int64_t{1} << args.log_block;
  while (args.rows / args.unit_rows > kMaxStripUnits) args.unit_rows <<= args.log_block;
  // A warp for every 64 rows: fewer leave the others idle while one adds up.
  const int warps = static_cast<int>(std::clamp<int64_t>(args.rows / 64, 1, kMaxStripWarps));
  const int64_t strips = part.slots;
  launch(solve_strips<Weight>, {strips, warps * 32, strip_shared_bytes(args.rows / args.unit_rows, warps)}, stream,
         args);
}

template <typename Weight>
void solve_as(SolveArgs args, cudaStream_t stream) {
  const Parts parts = parts_of(args.weights);
  args.slots = error_slots(args.weights);
  int64_t slot = 0;
  for (int i = 0; i < parts.count; ++i) {
    const Part& part = parts.part[i];
    args.first = part.first;
    args.count = part.count;
    if (part.kind == Part::Kind::strips) {
      launch_strips<Weight>(args, part, slot, stream);
    } else if (part.kind == Part::Kind::rows) {
      launch_rows<Weight>(args, stream);
    } else {
      launch_columns<Weight>(args, stream);
    }
    slot += part.slots;
  }
}

void solve_any(const SolveArgs& args, cudaStream_t stream) {
  switch (args.weights.type) {
    case DType::f32: return solve_as<F32Weight>(args, stream);
    case DType::f16: return solve_as<F16Weight>(args, stream);
    case DType::bf16: return solve_as<Bf16Weight>(args, stream);
    default: break;
  }
}

}  // namespace

int64_t error_slots(const GroupedWeights& weights) {
  const Parts parts = parts_of(weights);
  int64_t slots = 0;
  for (int i = 0; i < parts.count; ++i) slots += parts.part[i].slots;
  return slots;
}

void solve(const GroupedWeights& weights, const SolveParams& params, const SolveResults& results, cudaStream_t stream) {
  SolveArgs args;
  args.weights = weights;
  args.params = params;
  args.results = results;
  solve_any(args, stream);
}

void solve_unsettled(const GroupedWeights& weights, const SolveParams& params, const SolveResults& results,
                     cudaStream_t stream) {
  SolveArgs args;
  args.weights = weights;
  args.params = params;
  args.results = results;
  args.unsettled_only = true;
  solve_any(args, stream);
}

}  // namespace hqq::cuda
