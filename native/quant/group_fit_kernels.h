// The body of group_fit_scalar.cpp, group_fit_avx2.cpp, ...: one source, compiled for each instruction set.
#pragma once

#include "quant/group_fit.h"
#include "quant/solver_vector.h"

namespace hqq {
namespace {

/// Sizes of the first map, as a share of the group's range. Clipping the tails pays the more the fewer levels there are.
constexpr float kStarts[] = {1.0f, 0.95f, 0.9f, 0.85f, 0.8f, 0.7f, 0.6f, 0.5f};
constexpr int kMaxStarts = sizeof(kStarts) / sizeof(kStarts[0]);
/// Starts that are followed to their end, and after how many rounds they are chosen.
constexpr int kKept = 4;
constexpr int kTrialRounds = 1;
constexpr int kMaxRounds = 12;
/// A scale below this could not be stored in float16; the reference has the same limit.
constexpr double kLargestInverseScale = 2e4;

inline int starts_for(float max_value) {
  if (max_value >= 63.0f) return 2;
  return max_value >= 15.0f ? 4 : kMaxStarts;
}

/// Sums over a group that do not depend on the map.
struct WeightSums {
  double count = 0, w = 0, ww = 0;
  double per_count = 0;  // 1 / count
  double spread = 0;     // squared error of the best constant
};

/// Sums over a group of the integers that a map gives.
struct RoundSums {
  double q = 0, qq = 0, qw = 0;
  bool operator==(const RoundSums& other) const { return q == other.q && qq == other.qq && qw == other.qw; }
};

template <bool kWeighted>
inline WeightSums weight_sums(const FitProblem& p) {
  WeightSums sums;
  for (int64_t begin = 0; begin < p.n; begin += kRunBeforeTotal) {
    const int64_t end = min_i(p.n, begin + kRunBeforeTotal);
    Lanes16 count, w, ww;
    for (int64_t i = begin; i < end; i += kTileLanes) {
      for (int part = 0; part < kParts; ++part) {
        const V vw = load<V>(p.w + i + part * kLanes);
        const V hw = kWeighted ? load<V>(p.h + i + part * kLanes) * vw : vw;
        if constexpr (kWeighted) count.part[part] += load<V>(p.h + i + part * kLanes);
        w.part[part] += hw;
        ww.part[part] += hw * vw;
      }
    }
    sums.count += kWeighted ? sum_lanes(count) : static_cast<double>(end - begin);
    sums.w += sum_lanes(w);
    sums.ww += sum_lanes(ww);
  }
  sums.per_count = sums.count > 0 ? 1.0 / sums.count : 0.0;
  sums.spread = sums.ww - sums.w * sums.w * sums.per_count;
  return sums;
}

/// The sums of kMaps maps at once, which keeps more of the processor's units busy than one after the other.
template <bool kWeighted, int kMaps>
inline void round_sums(const FitProblem& p, const AffineMap* const (&maps)[kMaps], RoundSums (&sums)[kMaps]) {
  const V max_value = splat<V>(p.max_value);
  V inverse_scale[kMaps], zero[kMaps];
  for (int m = 0; m < kMaps; ++m) {
    inverse_scale[m] = splat<V>(maps[m]->inverse_scale);
    zero[m] = splat<V>(maps[m]->zero);
    sums[m] = {};
  }
  for (int64_t begin = 0; begin < p.n; begin += kRunBeforeTotal) {
    const int64_t end = min_i(p.n, begin + kRunBeforeTotal);
    Lanes16 q1[kMaps], q2[kMaps], qw[kMaps];
    for (int64_t i = begin; i < end; i += kTileLanes) {
      for (int part = 0; part < kParts; ++part) {
        const V vw = load<V>(p.w + i + part * kLanes);
        V vh{};
        if constexpr (kWeighted) vh = load<V>(p.h + i + part * kLanes);
        for (int m = 0; m < kMaps; ++m) {
          const V q = quantize_v(vw * inverse_scale[m], zero[m], max_value);
          const V hq = kWeighted ? vh * q : q;
          q1[m].part[part] += hq;
          q2[m].part[part] += hq * q;
          qw[m].part[part] += hq * vw;
        }
      }
    }
    for (int m = 0; m < kMaps; ++m) {
      sums[m].q += sum_lanes(q1[m]);
      sums[m].qq += sum_lanes(q2[m]);
      sums[m].qw += sum_lanes(qw[m]);
    }
  }
}

/// Sum of h (w - w')^2 under each of two maps.
template <bool kWeighted>
inline void squared_errors(const FitProblem& p, const AffineMap& first, const AffineMap& second, double (&sums)[2]) {
  const V max_value = splat<V>(p.max_value);
  const AffineMap maps[2] = {first, second};
  V inverse_scale[2], zero[2], scale[2];
  for (int m = 0; m < 2; ++m) {
    inverse_scale[m] = splat<V>(maps[m].inverse_scale);
    zero[m] = splat<V>(maps[m].zero);
    scale[m] = splat<V>(1.0f / maps[m].inverse_scale);
    sums[m] = 0;
  }
  for (int64_t begin = 0; begin < p.n; begin += kRunBeforeTotal) {
    const int64_t end = min_i(p.n, begin + kRunBeforeTotal);
    Lanes16 total[2];
    for (int64_t i = begin; i < end; i += kTileLanes) {
      for (int part = 0; part < kParts; ++part) {
        const V vw = load<V>(p.w + i + part * kLanes);
        V vh{};
        if constexpr (kWeighted) vh = load<V>(p.h + i + part * kLanes);
        for (int m = 0; m < 2; ++m) {
          const V error = vw - (quantize_v(vw * inverse_scale[m], zero[m], max_value) - zero[m]) * scale[m];
          total[m].part[part] += kWeighted ? vh * error * error : error * error;
        }
      }
    }
    for (int m = 0; m < 2; ++m) sums[m] += sum_lanes(total[m]);
  }
}

/// A start on its way.
struct Candidate {
  AffineMap map;
  RoundSums sums;
  double score = 0;      // squared error of the integers seen last under their own best map
  bool begun = false;
  bool settled = false;  // another round would change nothing
};

/// The least-squares map of the integers that the candidate's present map gives.
inline void regress(const WeightSums& fixed, const RoundSums& sums, Candidate& c) {
  if (c.begun && sums == c.sums) {
    c.settled = true;
    return;
  }
  c.begun = true;
  c.sums = sums;
  const double mean_q = sums.q * fixed.per_count;
  const double variance = sums.qq - sums.q * mean_q;
  const double covariance = sums.qw - mean_q * fixed.w;
  c.score = fixed.spread;
  // All integers alike, or a slope that no scale can have.
  c.settled = !(variance > 0) || !(covariance * kLargestInverseScale >= variance);
  if (c.settled) return;
  const double inverse_scale = variance / covariance;
  c.score = fixed.spread - covariance / inverse_scale;
  c.map.inverse_scale = static_cast<float>(inverse_scale);
  c.map.zero = static_cast<float>(mean_q - fixed.w * inverse_scale * fixed.per_count);
}

/// Up to `rounds` of rounding and regressing for each candidate that is not settled, two at a time.
template <bool kWeighted>
inline void advance(const FitProblem& p, const WeightSums& fixed, Candidate* candidates, int count, int rounds) {
  for (int round = 0; round < rounds; ++round) {
    Candidate* waiting = nullptr;
    bool any = false;
    for (int i = 0; i < count; ++i) {
      Candidate* c = candidates + i;
      if (c->settled) continue;
      any = true;
      if (waiting == nullptr) {
        waiting = c;
        continue;
      }
      RoundSums sums[2];
      round_sums<kWeighted, 2>(p, {&waiting->map, &c->map}, sums);
      regress(fixed, sums[0], *waiting);
      regress(fixed, sums[1], *c);
      waiting = nullptr;
    }
    if (waiting != nullptr) {
      RoundSums sums[1];
      round_sums<kWeighted, 1>(p, {&waiting->map}, sums);
      regress(fixed, sums[0], *waiting);
    }
    if (!any) return;
  }
}

/// Moves the kKept best of `count` candidates to the front, without those that would end where another does.
inline int choose(Candidate* candidates, int count) {
  int kept = 0;
  for (; kept < kKept && kept < count; ++kept) {
    int chosen = kept;
    for (int i = kept + 1; i < count; ++i) {
      if (candidates[i].score < candidates[chosen].score) chosen = i;
    }
    const Candidate c = candidates[chosen];
    candidates[chosen] = candidates[kept];
    candidates[kept] = c;
    for (int i = kept + 1; i < count;) {
      if (candidates[i].sums == c.sums) {
        candidates[i] = candidates[--count];
      } else {
        ++i;
      }
    }
  }
  return kept;
}

template <bool kWeighted>
inline void keep_better(const FitProblem& p, const AffineMap& first, const AffineMap& second, GroupFit& best) {
  double errors[2];
  squared_errors<kWeighted>(p, first, second, errors);
  if (errors[0] < best.error) best = {first, errors[0]};
  if (errors[1] < best.error) best = {second, errors[1]};
}

template <bool kWeighted>
inline GroupFit fit(const FitProblem& p) {
  const float range = p.high - p.low;
  // Equal values are one integer and its zero; 1 keeps the scale out of the way.
  if (!(range > 0)) return {{1.0f, -p.low}, 0};
  const WeightSums fixed = weight_sums<kWeighted>(p);
  GroupFit best{{}, __builtin_inf()};

  Candidate candidates[kMaxStarts + 1];
  int count = 0;
  const double middle = 0.5 * (static_cast<double>(p.low) + p.high);
  for (int i = 0; i < starts_for(p.max_value); ++i) {
    const double wanted = static_cast<double>(p.max_value) / (static_cast<double>(kStarts[i]) * range);
    const double inverse_scale = wanted < kLargestInverseScale ? wanted : kLargestInverseScale;
    Candidate& c = candidates[count++];
    c.map = {static_cast<float>(inverse_scale), static_cast<float>(0.5 * p.max_value - middle * inverse_scale)};
  }
  keep_better<kWeighted>(p, candidates[0].map, p.known != nullptr ? *p.known : candidates[0].map, best);
  if (p.known != nullptr) candidates[count++].map = *p.known;

  advance<kWeighted>(p, fixed, candidates, count, kTrialRounds);
  const int kept = choose(candidates, count);
  advance<kWeighted>(p, fixed, candidates, kept, kMaxRounds - kTrialRounds);
  for (int i = 0; i < kept; i += 2) {
    keep_better<kWeighted>(p, candidates[i].map, candidates[i + 1 < kept ? i + 1 : i].map, best);
  }
  return best;
}

GroupFit fit_any(const FitProblem& problem) { return problem.h != nullptr ? fit<true>(problem) : fit<false>(problem); }

}  // namespace
}  // namespace hqq
