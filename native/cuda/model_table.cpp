#include "cuda/device_model.h"
#include "cuda/tables.h"

struct HqqCudaModel {
  HqqCudaModel(int ordinal, const HqqCudaModelShape& shape) : model(ordinal, shape) {}
  hqq::cuda::DeviceModel model;
};

namespace hqq::cuda {
namespace {

int create(int32_t ordinal, const HqqCudaModelShape* shape, HqqCudaModel** model, HqqCudaStatus* status) {
  return guarded(status, [&] { *model = new HqqCudaModel(ordinal, *shape); });
}

void destroy(HqqCudaModel* model) { delete model; }

int set_embedding(HqqCudaModel* model, const HqqCudaLinear* table, int32_t tied, HqqCudaLayerBytes* bytes,
                  HqqCudaStatus* status) {
  return guarded(status, [&] { *bytes = model->model.set_embedding(*table, tied != 0); });
}

int set_norm(HqqCudaModel* model, int64_t layer, int32_t which, const float* weight, HqqCudaStatus* status) {
  return guarded(status, [&] { model->model.set_norm(layer, which, weight); });
}

int set_linear(HqqCudaModel* model, int64_t layer, int32_t role, const HqqCudaLinear* parts, int32_t count,
               HqqCudaLayerBytes* bytes, HqqCudaStatus* status) {
  const auto size = static_cast<size_t>(count);
  return guarded(status, [&] { model->model.set_linear(layer, role, {parts, size}, {bytes, size}); });
}

int finish(HqqCudaModel* model, HqqCudaStatus* status) {
  return guarded(status, [&] { model->model.finish(); });
}

int info(HqqCudaModel* model, HqqCudaModelInfo* result, HqqCudaStatus* status) {
  return guarded(status, [&] { *result = model->model.info(); });
}

int set_rotary(HqqCudaModel* model, int64_t start, int64_t count, const float* cos, const float* sin,
               HqqCudaStatus* status) {
  return guarded(status, [&] { model->model.set_rotary(start, count, cos, sin); });
}

int forward(HqqCudaModel* model, const int32_t* ids, int64_t count, int64_t start, HqqCudaStatus* status) {
  return guarded(status, [&] { model->model.forward({ids, static_cast<size_t>(count)}, start); });
}

int logits(HqqCudaModel* model, int64_t first, int64_t count, float* out, HqqCudaStatus* status) {
  return guarded(status, [&] { model->model.logits(first, count, out); });
}

int loss(HqqCudaModel* model, int64_t first, const int32_t* targets, int64_t count, double* sum,
         HqqCudaStatus* status) {
  return guarded(status, [&] { *sum = model->model.loss(first, {targets, static_cast<size_t>(count)}); });
}

int decode_start(HqqCudaModel* model, const HqqCudaDecode* options, HqqCudaStatus* status) {
  return guarded(status, [&] { model->model.decode_start(*options); });
}

int decode_next(HqqCudaModel* model, int32_t* id, HqqCudaStatus* status) {
  return guarded(status, [&] { *id = model->model.decode_next(); });
}

int decode_stop(HqqCudaModel* model, HqqCudaStatus* status) {
  return guarded(status, [&] { model->model.decode_stop(); });
}

}  // namespace

HqqCudaModelApi model_table() {
  return {.create = create,
          .destroy = destroy,
          .set_embedding = set_embedding,
          .set_norm = set_norm,
          .set_linear = set_linear,
          .finish = finish,
          .info = info,
          .set_rotary = set_rotary,
          .forward = forward,
          .logits = logits,
          .loss = loss,
          .decode_start = decode_start,
          .decode_next = decode_next,
          .decode_stop = decode_stop};
}

}  // namespace hqq::cuda
