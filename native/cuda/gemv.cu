#include "cuda/gemv.cuh"

#include <algorithm>

#include "cuda/gemv_kernel.cuh"

namespace hqq::cuda {
namespace {

/// Most warps whose rings fit beside the columns, at least eight; 0 when not even those do.
int warps_that_fit(const TiledView& w, int columns, const Target& target) {
  const bool one = columns == 1;
  const int depth = gemv_depth(w.nbits, w.segment != kTileCols, one);
  for (int warps = kGemvWarps; warps >= 8; warps /= 2)
    if (gemv_shared(w, columns, depth, warps, one).total <= target.shared_bytes) return warps;
  return 0;
}

template <int nbits, bool fine, bool one_column>
void launch_one(GemvArgs args, int columns, const Target& target) {
  const int warps = warps_that_fit(args.w, columns, target);
  // Small teams have longer stretches between two sums; but every multiprocessor should have work for all its warps.
  args.team_warps = 8;
  while (args.team_warps < warps && args.w.row_tiles * 4 < target.multiprocessors * (warps / args.team_warps) * 3)
    args.team_warps *= 2;
  const int teams = warps / args.team_warps;
  const GemvShared s = gemv_shared(args.w, columns, gemv_depth(nbits, fine, one_column), warps, one_column);
  const int blocks = std::min((args.w.row_tiles + teams - 1) / teams, target.multiprocessors);
  launch(gemv_kernel<nbits, fine, one_column>, dim3(static_cast<unsigned>(blocks)),
         dim3(static_cast<unsigned>(warps * 32)), s.total, target, args);
}

template <int nbits>
void launch_bits(const GemvArgs& args, int columns, const Target& target) {
  if constexpr (nbits != kDenseBits) {
    if (args.w.segment != kTileCols) {
      if (columns == 1) return launch_one<nbits, true, true>(args, columns, target);
      return launch_one<nbits, true, false>(args, columns, target);
    }
  }
  if (columns == 1) return launch_one<nbits, false, true>(args, columns, target);
  return launch_one<nbits, false, false>(args, columns, target);
}

void launch_columns(const GemvArgs& args, const Target& target) {
  const int columns = args.in.tokens * (args.in.split ? 2 : 1);
  switch (args.w.nbits) {
    case kDenseBits: return launch_bits<kDenseBits>(args, columns, target);
    case 8: return launch_bits<8>(args, columns, target);
    case 6: return launch_bits<6>(args, columns, target);
    case 5: return launch_bits<5>(args, columns, target);
    case 4: return launch_bits<4>(args, columns, target);
    case 3: return launch_bits<3>(args, columns, target);
    case 2: return launch_bits<2>(args, columns, target);
    case 1: return launch_bits<1>(args, columns, target);
    default: throw EngineError(ErrorCode::internal, "gemv: no kernel for this width");
  }
}

}  // namespace

int gemv_tokens(const TiledView& w, bool split, const Target& target) {
  const int per_token = split ? 2 : 1;
  for (int tokens = kGemvColumns / per_token; tokens > 0; --tokens)
    if (warps_that_fit(w, tokens * per_token, target) > 0) return tokens;
  return 0;
}

void gemv(const GemvArgs& args, const Target& target) {
  const int most = gemv_tokens(args.w, args.in.split, target);
  require(most > 0, ErrorCode::unsupported, "a row of the matrix is too long for this device");
  const int64_t in_bytes = args.in.is_half ? 2 : 4, out_bytes = args.mode == GemvOutput::silu_half ? 2 : 4;
  for (int at = 0; at < args.in.tokens; at += most) {
    GemvArgs part = args;
    part.in.tokens = std::min(most, args.in.tokens - at);
    part.in.x = static_cast<const char*>(args.in.x) + at * args.in.stride * in_bytes;
    part.out = static_cast<char*>(args.out) + at * args.out_stride * out_bytes;
    launch_columns(part, target);
  }
}

}  // namespace hqq::cuda
