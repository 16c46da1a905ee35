// Mixture of experts of the CPU transformer. Only chosen experts are computed: one token reads its experts in one
// parallel region, a batch goes expert by expert through the tokens that chose it. Outputs are summed in the order of
// the experts, so that the result does not depend on the batch.
#include <algorithm>
#include <cmath>
#include <cstring>

#include "core/thread_pool.h"
#include "model/transformer.h"

namespace hqq {
namespace {

void add_scaled(const float* x, float factor, int64_t n, float* y) {
  for (int64_t i = 0; i < n; ++i) y[i] += factor * x[i];
}

}  // namespace

void Transformer::run_experts(const BlockWeights& b, const float* x, const Batch& batch) {
  const MoeConfig& moe = config_.moe;
  const int64_t tokens = batch.tokens;
  run({{&b.router, scores_.as<float>()}}, x, tokens, batch);
  std::vector<std::vector<Route>> routes;
  for (int64_t t = 0; t < tokens; ++t)
    routes.push_back(route(scores_.as<float>() + t * moe.num_experts, moe.num_experts, moe.experts_per_token,
                           moe.normalize_weights));
  std::memset(delta_.data(), 0, static_cast<size_t>(tokens * config_.hidden_size) * 4);
  if (tokens == 1) run_chosen(b, x, routes.front(), batch);
  else run_grouped(b, x, routes, batch);
  if (!b.shared_expert.in.empty()) add_shared_expert(b, x, batch);
}

void Transformer::run_chosen(const BlockWeights& b, const float* x, const std::vector<Route>& routes,
                             const Batch& batch) {
  const int64_t size = config_.moe.intermediate_size, width = config_.gated_mlp ? 2 * size : size;
  std::vector<LinearCall> calls;
  for (size_t i = 0; i < routes.size(); ++i) {
    float* in = mlp_in_.as<float>() + static_cast<int64_t>(i) * width;
    for (const Linear& part : b.experts[static_cast<size_t>(routes[i].expert)].in) {
      calls.push_back({&part, in});
      in += part.out();
    }
  }
  run_linear(calls, x, 1, batch.eight_bit, activations_, batch.reporter);
  activate(static_cast<int64_t>(routes.size()), size);
  for (size_t i = 0; i < routes.size(); ++i) {
    run({{&b.experts[static_cast<size_t>(routes[i].expert)].down, expert_out_.as<float>()}},
        acts_.as<float>() + static_cast<int64_t>(i) * size, 1, batch);
    add_scaled(expert_out_.as<float>(), routes[i].weight, config_.hidden_size, delta_.as<float>());
  }
}

void Transformer::run_grouped(const BlockWeights& b, const float* x, const std::vector<std::vector<Route>>& routes,
                              const Batch& batch) {
  struct Visit {
    int64_t token;
    float weight;
  };
  std::vector<std::vector<Visit>> visits(b.experts.size());
  for (size_t t = 0; t < routes.size(); ++t)
    for (const Route& r : routes[t]) visits[static_cast<size_t>(r.expert)].push_back({static_cast<int64_t>(t), r.weight});
  const int64_t hidden = config_.hidden_size;
  for (size_t e = 0; e < visits.size(); ++e) {
    const auto count = static_cast<int64_t>(visits[e].size());
    if (count == 0) continue;
    for (int64_t i = 0; i < count; ++i)
      std::memcpy(gathered_.as<float>() + i * hidden, x + visits[e][static_cast<size_t>(i)].token * hidden,
                  static_cast<size_t>(hidden) * 4);
    run_mlp(b.experts[e], gathered_.as<float>(), count, expert_out_.as<float>(), batch);
    parallel_for(count, 4, [&](int64_t begin, int64_t end) {
      for (int64_t i = begin; i < end; ++i) {
        const Visit& visit = visits[e][static_cast<size_t>(i)];
        add_scaled(expert_out_.as<float>() + i * hidden, visit.weight, hidden,
                   delta_.as<float>() + visit.token * hidden);
      }
    });
  }
}

void Transformer::add_shared_expert(const BlockWeights& b, const float* x, const Batch& batch) {
  const int64_t hidden = config_.hidden_size;
  run({{&b.shared_gate, scores_.as<float>()}}, x, batch.tokens, batch);
  run_mlp(b.shared_expert, x, batch.tokens, expert_out_.as<float>(), batch);
  for (int64_t t = 0; t < batch.tokens; ++t) {
    const float weight = 1.0f / (1.0f + std::exp(-scores_.as<float>()[t]));
    add_scaled(expert_out_.as<float>() + t * hidden, weight, hidden, delta_.as<float>() + t * hidden);
  }
}

}  // namespace hqq
