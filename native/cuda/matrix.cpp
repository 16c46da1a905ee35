#include "cuda/matrix.h"

#include <algorithm>
#include <numeric>
#include <string>

#include "cuda/gemv.cuh"
#include "cuda/repack.cuh"
#include "quant/types.h"

namespace hqq::cuda {
namespace {

constexpr int64_t kMaxRows = int64_t{1} << 24, kMaxCols = int64_t{1} << 20;

/// What runs of a stored layer: its own integers, or float16.
struct PartPlan {
  int nbits = kDenseBits;
  int64_t run = 0;

  bool operator==(const PartPlan&) const = default;
};

int64_t ceil_div(int64_t n, int64_t by) { return (n + by - 1) / by; }

bool is_quantized(const HqqCudaLinear& part) { return part.packed != nullptr; }

PartPlan plan_part(const HqqCudaLinear& part, const MatrixBuild& build) {
  if (build.dense || !is_quantized(part) || (part.axis != 1 && part.scale.count != 1)) return {};
  const int64_t run = std::gcd(part.stored_rows * part.cols / part.scale.count, part.cols);
  if (run % 8 != 0) return {};
  const PartPlan plan{part.nbits, run};
  // Tiny groups of many bits need more shared memory for their scales than a block has.
  const TiledView view = plan_tiles(part.rows, part.cols, plan.nbits, run, build.compute != DType::f16);
  return gemv_tokens(view, build.compute != DType::f16, build.target) > 0 ? plan : PartPlan{};
}

StoredQuants stored_quants(const HqqCudaLinear& part, const std::byte* data) {
  StoredQuants s;
  s.data = reinterpret_cast<const uint8_t*>(data);
  s.rows = part.rows;
  s.cols = part.cols;
  s.first_row = part.first_row;
  s.view_cols = part.view_cols;
  const auto plane = [&](int bits, int count, int source, int64_t padded_to, int64_t offset) {
    return StoredPlane{.offset = offset,
                       .step = ceil_div(part.view_rows, padded_to) * (padded_to / count),
                       .bits = bits,
                       .count = count,
                       .source = source};
  };
  const auto two_planes = [&](int high_bits, int high_count) {
    s.plane_count = 2;
    s.planes[0] = plane(4, 2, 0, high_count, 0);
    s.planes[1] = plane(high_bits, high_count, 4, high_count, s.planes[0].step * part.view_cols);
  };
  switch (static_cast<Packing>(part.packing)) {
    case Packing::u8_8bit: s.planes[0] = plane(8, 1, 0, 1, 0); break;
    case Packing::u8_4bit: s.planes[0] = plane(4, 2, 0, 2, 0); break;
    case Packing::u8_2bit: s.planes[0] = plane(2, 4, 0, 4, 0); break;
    case Packing::u8_1bit: s.planes[0] = plane(1, 8, 0, 8, 0); break;
    case Packing::i32_3bit:
      s.planes[0] = plane(3, 10, 0, 10, 0);
      s.word_bytes = 4;
      break;
    case Packing::dense_5bit: two_planes(1, 8); break;
    case Packing::dense_6bit: two_planes(2, 4); break;
  }
  int64_t bytes = 0;
  for (int p = 0; p < s.plane_count; ++p)
    bytes = std::max(bytes, s.planes[p].offset + s.planes[p].step * s.view_cols * s.word_bytes);
  require(bytes == part.packed_bytes && part.view_rows * part.view_cols == part.stored_rows * part.cols,
          ErrorCode::bad_file, "a quantized layer's integers do not have the size its shape asks for");
  return s;
}

void check_part(const HqqCudaLinear& part) {
  require(part.rows > 0 && part.rows <= kMaxRows && part.cols > 0 && part.cols <= kMaxCols, ErrorCode::unsupported,
          "a linear layer of this size is not supported on a GPU");
  require(part.first_row >= 0 && part.first_row + part.rows <= part.stored_rows && part.stored_rows <= kMaxRows,
          ErrorCode::internal, "set_linear: bad rows");
  if (!is_quantized(part)) {
    require(part.weight.data && part.weight.count == part.stored_rows * part.cols, ErrorCode::internal,
            "set_linear: wrong size");
    return;
  }
  const bool width = part.nbits == 8 || (part.nbits >= 1 && part.nbits <= 6);
  require(width && part.scale.data && part.zero.data && part.scale.count > 0 && part.scale.count == part.zero.count &&
              part.stored_rows * part.cols % part.scale.count == 0 && part.view_cols > 0 && part.view_rows > 0,
          ErrorCode::internal, "set_linear: not a quantized layer");
}

/// The parts one after another, each stored alike.
class Builder {
 public:
  explicit Builder(const MatrixBuild& build) : build_(build) {}

  Matrix merged(std::span<const HqqCudaLinear> parts, const PartPlan& plan, bool interleaved,
                std::span<HqqCudaLayerBytes> bytes) {
    int64_t rows = 0;
    for (const HqqCudaLinear& part : parts) rows += part.rows;
    const int64_t tiled_rows = interleaved ? ceil_div(parts[0].rows, 8) * 16 : rows;
    Matrix m;
    m.view = plan_tiles(tiled_rows, parts[0].cols, plan.nbits, plan.run, build_.compute != DType::f16);
    m.out_rows = static_cast<int>(interleaved ? parts[0].rows : rows);
    const int64_t quant_bytes = int64_t{m.view.row_tiles} * m.view.units * unit_bytes(plan.nbits);
    m.quants = DeviceBuffer(quant_bytes, MemoryUse::weights, build_.account);
    HQQ_CUDA_CHECK(cudaMemsetAsync(m.quants.data(), 0, static_cast<size_t>(quant_bytes), build_.target.stream));
    m.view.quants = m.quants.as<uint8_t>();
    if (plan.nbits != kDenseBits) {
      const int64_t meta_bytes = int64_t{m.view.row_tiles} * m.view.entries * meta_entry_bytes(m.view.meta_float != 0);
      m.meta = DeviceBuffer(meta_bytes, MemoryUse::metadata, build_.account);
      HQQ_CUDA_CHECK(cudaMemsetAsync(m.meta.data(), 0, static_cast<size_t>(meta_bytes), build_.target.stream));
      m.view.meta = m.meta.data();
    }
    Placement at;
    for (size_t i = 0; i < parts.size(); ++i) {
      if (interleaved) at.half = i == 0 ? TileHalf::lower : TileHalf::upper;
      place(m, parts[i], plan, at);
      if (!interleaved) at.first_row_tile += static_cast<int>(ceil_div(parts[i].rows, kTileRows));
      bytes[i].weights = m.quants.bytes() * parts[i].rows / rows;
      bytes[i].metadata = m.meta.bytes() * parts[i].rows / rows;
    }
    add_bias(m, parts, interleaved);
    return m;
  }

 private:
  void place(Matrix& m, const HqqCudaLinear& part, const PartPlan& plan, const Placement& at) {
    WeightStaging& up = build_.staging;
    if (!is_quantized(part)) {
      const auto dtype = static_cast<DType>(part.weight.dtype);
      const int64_t row = part.cols * size_of(dtype);
      const std::byte* data =
          up.stage(static_cast<const std::byte*>(part.weight.data) + part.first_row * row, part.rows * row, 0);
      repack_dense(m.view, m.quants.as<uint8_t>(), {data, dtype, part.rows, part.cols}, at, build_.target);
      return;
    }
    const StoredQuants quants = stored_quants(part, up.stage(part.packed, part.packed_bytes, 0));
    StoredMeta meta;
    meta.scale_dtype = static_cast<DType>(part.scale.dtype);
    meta.zero_dtype = static_cast<DType>(part.zero.dtype);
    meta.scale = up.stage(part.scale.data, part.scale.count * size_of(meta.scale_dtype), 1);
    meta.zero = up.stage(part.zero.data, part.zero.count * size_of(meta.zero_dtype), 2);
    meta.groups = part.scale.count;
    meta.group = part.stored_rows * part.cols / meta.groups;
    meta.first_row = part.first_row;
    meta.axis = part.axis;
    if (plan.nbits == kDenseBits) {
      repack_dequantized(m.view, m.quants.as<uint8_t>(), quants, meta, at, build_.compute, build_.target);
      return;
    }
    repack_quants(m.view, m.quants.as<uint8_t>(), quants, at, build_.target);
    repack_meta(m.view, m.meta.data(), meta, part.rows, at, build_.compute, build_.target);
  }

  void add_bias(Matrix& m, std::span<const HqqCudaLinear> parts, bool interleaved) {
    if (std::none_of(parts.begin(), parts.end(), [](const HqqCudaLinear& p) { return p.bias != nullptr; })) return;
    std::vector<float> bias(static_cast<size_t>(m.view.rows), 0.0f);
    int64_t at = 0;
    for (size_t i = 0; i < parts.size(); ++i) {
      for (int64_t r = 0; r < parts[i].rows && parts[i].bias; ++r) {
        const int64_t row = interleaved ? r / 8 * 16 + r % 8 + (i == 0 ? 0 : 8) : at + r;
        bias[static_cast<size_t>(row)] = parts[i].bias[r];
      }
      at += parts[i].rows;
    }
    const auto bytes = static_cast<int64_t>(bias.size()) * 4;
    m.bias = DeviceBuffer(bytes, MemoryUse::weights, build_.account);
    build_.staging.copy(bias.data(), bytes, m.bias.data());
  }

  const MatrixBuild& build_;
};

}  // namespace

TiledView plan_tiles(int64_t rows, int64_t cols, int nbits, int64_t run, bool meta_float) {
  TiledView view;
  view.nbits = nbits;
  view.rows = static_cast<int>(rows);
  view.cols = static_cast<int>(cols);
  view.row_tiles = static_cast<int>(ceil_div(rows, kTileRows));
  view.units = static_cast<int>(ceil_div(cols, unit_cols(nbits)));
  view.meta_float = meta_float ? 1 : 0;
  if (nbits == kDenseBits) return view;
  const bool whole_tiles = run % kTileCols == 0;
  view.segment = static_cast<int>(whole_tiles ? kTileCols : std::gcd(run, int64_t{kTileCols}));
  view.entry_cols = static_cast<int>(whole_tiles ? run : view.segment);
  view.entries = static_cast<int>(ceil_div(int64_t{view.units} * unit_cols(nbits), view.entry_cols));
  if (whole_tiles) {
    const int64_t tiles = run / kTileCols;
    view.entry_magic = static_cast<uint32_t>(((int64_t{1} << 31) + tiles - 1) / tiles);
  }
  return view;
}

Projection build_projection(std::span<const HqqCudaLinear> parts, const MatrixBuild& build,
                            std::span<HqqCudaLayerBytes> bytes) {
  std::vector<PartPlan> plans;
  for (const HqqCudaLinear& part : parts) {
    check_part(part);
    require(part.cols == parts[0].cols, ErrorCode::internal, "set_linear: parts differ in their input");
    plans.push_back(plan_part(part, build));
  }
  const bool alike = std::all_of(plans.begin(), plans.end(), [&](const PartPlan& p) { return p == plans[0]; });
  bool whole_tiles = true;
  for (size_t i = 0; i + 1 < parts.size(); ++i) whole_tiles = whole_tiles && parts[i].rows % kTileRows == 0;

  Projection projection;
  Builder builder(build);
  if (build.gate_up && alike && parts.size() == 2 && parts[0].rows == parts[1].rows) {
    projection.gated = true;
    projection.matrices.push_back(builder.merged(parts, plans[0], true, bytes));
    return projection;
  }
  if (!build.gate_up && alike && whole_tiles) {
    projection.matrices.push_back(builder.merged(parts, plans[0], false, bytes));
    return projection;
  }
  int64_t offset = 0;
  for (size_t i = 0; i < parts.size(); ++i) {
    projection.matrices.push_back(builder.merged(parts.subspan(i, 1), plans[i], false, bytes.subspan(i, 1)));
    projection.matrices.back().out_offset = offset;
    offset += parts[i].rows;
  }
  return projection;
}

}  // namespace hqq::cuda
