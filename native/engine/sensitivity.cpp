#include "engine/sensitivity.h"

#include <algorithm>
#include <chrono>
#include <optional>

#include "core/thread_pool.h"
#include "engine/candidate_store.h"
#include "engine/source_identity.h"
#include "io/hqq_layer.h"
#include "model/probe.h"
#include "quant/dequantize.h"
#include "quant/meta.h"
#include "quant/method.h"
#include "quant/row_product.h"
#include "quant/weight_reader.h"

namespace hqq {
namespace {

using Clock = std::chrono::steady_clock;

/// Rows whose weighted errors are computed together.
constexpr int64_t kRows = 32;

/// E = W' - W, f32[out, in].
Buffer error_of(const TensorView& weight, const QuantizedTensor& tensor) {
  const int64_t n = weight.numel();
  Buffer error(n * 4, MemoryUse::scratch);
  dequantize(tensor, error.as<float>());
  const WeightReader reader(weight);
  parallel_for(n / weight.shape.back(), kRows, [&](int64_t begin, int64_t end) {
    const int64_t in = weight.shape.back();
    const Buffer exact(in * 4, MemoryUse::scratch);
    for (int64_t r = begin; r < end; ++r) {
      reader.read(r * in, in, exact.as<float>());
      for (int64_t i = 0; i < in; ++i) error.as<float>()[r * in + i] -= exact.as<float>()[i];
    }
  });
  return error;
}

/// The symmetric matrix whose lower triangle the moments hold.
Buffer symmetric(const InputMoments& m) {
  const int64_t n = m.columns;
  Buffer h(n * n * 4, MemoryUse::scratch);
  for (int64_t i = 0; i < n; ++i) {
    for (int64_t j = 0; j <= i; ++j) h.as<float>()[i * n + j] = h.as<float>()[j * n + i] = m.full.as<float>()[i * n + j];
  }
  return h;
}

/// tr(E H E^T).
double weighted_error(const Buffer& error, const Shape& shape, const float* h) {
  const int64_t out = shape.front(), in = shape.back(), bands = (out + kRows - 1) / kRows;
  std::vector<double> sums(static_cast<size_t>(bands));
  parallel_for(bands, 1, [&](int64_t begin, int64_t end) {
    const Buffer image(kRows * in * 4, MemoryUse::scratch);
    for (int64_t band = begin; band < end; ++band) {
      const int64_t rows = std::min(kRows, out - band * kRows);
      const float* e = error.as<float>() + band * kRows * in;
      std::fill_n(image.as<float>(), rows * in, 0.0f);
      add_row_product(e, in, rows, h, in, in, 0, in, image.as<float>(), in);
      for (int64_t i = 0; i < rows * in; ++i) sums[static_cast<size_t>(band)] += static_cast<double>(e[i]) * image.as<float>()[i];
    }
  });
  double sum = 0;
  for (const double part : sums) sum += part;
  return std::max(sum, 0.0);
}

class Measuring {
 public:
  Measuring(const SensitivityOptions& options, Reporter& reporter)
      : options_(options), reporter_(reporter), store_(TensorStore::open(options.model_dir)) {
    if (!options.store_dir.empty()) kept_.emplace(options.store_dir);
  }

  SensitivityResult run(const std::function<void(const LayerSensitivity&)>& each) {
    const auto start = Clock::now();
    MomentsOptions moments = options_.moments;
    moments.source = source_identity(store_);
    moments_identity_ = moments.source + "\n" + text_identity(moments);
    const Calibration measured = measure_self_moments(options_.model_dir, everything(), moments, reporter_);
    ModelProbe probe(options_.model_dir, probe_text(measured.text), reporter_);
    for (size_t i = 0; i < options_.layers.size(); ++i) {
      check_cancelled(reporter_);
      const auto found = measured.moments.find(options_.layers[i].module);
      each(measure(options_.layers[i], found != measured.moments.end() ? found->second.get() : nullptr, probe));
      report(static_cast<int64_t>(i) + 1);
    }
    return {probe.tokens(), probe.mean_nll(), std::chrono::duration<double>(Clock::now() - start).count()};
  }

 private:
  void report(int64_t done) {
    Json event;
    event.set("phase", "candidates").set("done", done).set("total", static_cast<int64_t>(options_.layers.size()));
    reporter_.progress(event.dump());
  }

  /// Whole matrices of moments for all layers: weighted errors need them, whatever the candidates' methods do.
  std::vector<LayerChoice> everything() const {
    std::vector<LayerChoice> choices;
    for (const auto& layer : options_.layers) choices.push_back({layer.module, {}, "self-compensated"});
    return choices;
  }

  std::vector<std::vector<int32_t>> probe_text(const std::vector<std::vector<int32_t>>& text) const {
    std::vector<std::vector<int32_t>> chosen;
    int64_t tokens = 0;
    for (const auto& ids : text) {
      if (!chosen.empty() && tokens + static_cast<int64_t>(ids.size()) > options_.tokens) break;
      chosen.push_back(ids);
      tokens += static_cast<int64_t>(ids.size());
    }
    return chosen;
  }

  LayerSensitivity measure(const SensitivityOptions::Layer& layer, const InputMoments* moments, ModelProbe& probe) {
    const std::string name = layer.module + ".weight";
    const TensorView weight = store_.view(name);
    const std::string hash = kept_ ? CandidateStore::hash_of(weight) : "";
    const Buffer h = moments != nullptr ? symmetric(*moments) : Buffer();
    LayerSensitivity result{layer.module, {}, 0};
    for (size_t i = 0; i < layer.candidates.size(); ++i) {
      CandidateLoss loss;
      const Candidate candidate = quantize(layer.candidates[i], weight, hash, moments, loss.kept);
      Buffer error = error_of(weight, candidate.tensor);
      loss.relative_error = candidate.stats.mean_abs_weight > 0 ? candidate.stats.mean_abs_error / candidate.stats.mean_abs_weight : 0;
      if (moments != nullptr) loss.weighted_error = weighted_error(error, weight.shape, h.as<float>());
      loss.bytes = candidate.tensor.bytes();
      loss.seconds = candidate.stats.seconds;
      if (i == layer.probe && moments != nullptr && probe.has(layer.module)) {
        dequantize(candidate.tensor, error.as<float>());
        result.divergence = probe.divergence(layer.module, error.as<float>(), reporter_);
      }
      result.candidates.push_back(loss);
    }
    store_.drop(name);
    return result;
  }

  Candidate quantize(const LayerChoice& choice, const TensorView& weight, const std::string& hash, const InputMoments* moments,
                     bool& kept) {
    const QuantMethod& method = quant_method(choice.method);
    const bool keep = kept_ && method.is_costly;
    const std::string key =
        keep ? CandidateStore::key(hash, weight.shape, {choice.config, choice.method, options_.meta_dtype, moments_part(method)}) : "";
    if (keep) {
      if (auto found = kept_->find(key)) {
        kept = true;
        return *std::move(found);
      }
    }
    Candidate made;
    made.tensor = method.quantize(weight, choice.config, PackFormat::dense, moments, &made.stats, &reporter_);
    cast_meta(made.tensor, options_.meta_dtype);
    if (keep) kept_->put(key, made.tensor, made.stats, options_.meta_dtype);
    return made;
  }

  std::string moments_part(const QuantMethod& method) const { return method.needs == MomentsNeed::none ? "" : moments_identity_; }

  const SensitivityOptions& options_;
  Reporter& reporter_;
  TensorStore store_;
  std::optional<CandidateStore> kept_;
  std::string moments_identity_;
};

}  // namespace

SensitivityResult measure_sensitivity(const SensitivityOptions& options, const std::function<void(const LayerSensitivity&)>& each,
                                      Reporter& reporter) {
  return Measuring(options, reporter).run(each);
}

}  // namespace hqq
