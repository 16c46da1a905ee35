#include "model/moments.h"

#include <algorithm>

#include "core/error.h"
#include "core/thread_pool.h"
#include "cpu/kernels.h"

namespace hqq {
namespace {

/// Width of the panels that the matrix kernel multiplies with.
constexpr int64_t kPanel = 16;
constexpr int64_t kColumnsPerPiece = 64;

void add_squares(const float* x, int64_t tokens, int64_t in, double* squares) {
  parallel_for(in, kColumnsPerPiece, [&](int64_t begin, int64_t end) {
    for (int64_t t = 0; t < tokens; ++t) {
      const float* row = x + t * in;
      for (int64_t i = begin; i < end; ++i) squares[i] += static_cast<double>(row[i]) * row[i];
    }
  });
}

/// full[i][j] += sum over tokens of x_i x_j, for whole panels of columns from the diagonal's on.
void add_products(const float* x, int64_t tokens, int64_t in, float* full) {
  Buffer transposed(in * tokens * 4, MemoryUse::scratch);
  parallel_for(in, kColumnsPerPiece, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) {
      for (int64_t t = 0; t < tokens; ++t) transposed.as<float>()[i * tokens + t] = x[t * in + i];
    }
  });
  const int64_t panels = (in + kPanel - 1) / kPanel;
  parallel_for(panels, 1, [&](int64_t begin, int64_t end) {
    for (int64_t p = begin; p < end; ++p) {
      const int64_t first = p * kPanel, width = std::min(kPanel, in - first), rows = in - first;
      Buffer panel(tokens * kPanel * 4, MemoryUse::scratch), products(rows * kPanel * 4, MemoryUse::scratch);
      for (int64_t t = 0; t < tokens; ++t) std::copy_n(x + t * in + first, width, panel.as<float>() + t * kPanel);
      kernels().panel_gemm(transposed.as<float>() + first * tokens, tokens, rows, panel.as<float>(), kPanel, tokens,
                           products.as<float>(), kPanel, false);
      for (int64_t i = 0; i < rows; ++i) {
        for (int64_t j = 0; j < width; ++j) full[(first + i) * in + first + j] += products.as<float>()[i * kPanel + j];
      }
    }
  });
}

}  // namespace

void MomentsRecorder::observe(std::span<const std::string_view> modules, const float* x, int64_t tokens, int64_t in) {
  std::vector<std::string_view> wanted;
  for (const std::string_view module : modules) {
    if (modules_.contains(module)) wanted.push_back(module);
  }
  if (wanted.empty()) return;
  Sums& sums = sums_of(wanted, in);
  sums.tokens += tokens;
  add_squares(x, tokens, in, sums.squares.data());
  if (sums.moments.full.bytes() > 0) add_products(x, tokens, in, sums.moments.full.as<float>());
}

MomentsRecorder::Sums& MomentsRecorder::sums_of(std::span<const std::string_view> wanted, int64_t in) {
  const auto known = slots_.find(wanted.front());
  if (known != slots_.end()) {
    for (const std::string_view module : wanted) {
      const auto slot = slots_.find(module);
      require(slot != slots_.end() && slot->second == known->second, ErrorCode::internal,
              std::string(module) + " does not always share its input with the same layers");
    }
    return *sums_[known->second];
  }
  auto sums = std::make_unique<Sums>();
  sums->squares.resize(static_cast<size_t>(in));
  sums->moments.columns = in;
  bool full = false;
  for (const std::string_view module : wanted) {
    slots_.emplace(module, sums_.size());
    full = full || full_.contains(module);
  }
  if (full) sums->moments.full = Buffer(in * in * 4, MemoryUse::scratch);
  sums_.push_back(std::move(sums));
  return *sums_.back();
}

std::map<std::string, std::shared_ptr<const InputMoments>, std::less<>> MomentsRecorder::finish() && {
  std::vector<std::shared_ptr<const InputMoments>> shared;
  for (const auto& sums : sums_) {
    InputMoments& m = sums->moments;
    m.diagonal = Buffer(m.columns * 4, MemoryUse::scratch);
    const double tokens = static_cast<double>(sums->tokens);
    for (int64_t i = 0; i < m.columns; ++i) {
      m.diagonal.as<float>()[i] = static_cast<float>(sums->squares[static_cast<size_t>(i)] / tokens);
    }
    for (float& value : m.full.span<float>()) value = static_cast<float>(static_cast<double>(value) / tokens);
    shared.push_back(std::make_shared<const InputMoments>(std::move(m)));
  }
  std::map<std::string, std::shared_ptr<const InputMoments>, std::less<>> by_module;
  for (const auto& [module, slot] : slots_) by_module.emplace(module, shared[slot]);
  return by_module;
}

}  // namespace hqq
